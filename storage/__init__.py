"""The records of calls."""
