"""The HTTP API: reads, shows, decides nothing about a call."""
