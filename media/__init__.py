"""The audio of a call: packets in, ears, a mouth, packets out."""
