"""Decides what a call does: a flow, a machine, facts in and effects out. Nothing here waits or does I/O."""
