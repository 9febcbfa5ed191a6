"""The agent: what to say next, with which tools, until one outcome of a closed list is reached."""
