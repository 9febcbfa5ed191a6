"""What the agent can do beyond talking: tools over the store's HTTP API, and the registry they stand in."""
