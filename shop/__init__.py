"""A small tyre shop behind HTTP: the store of the demo and of the tests. It forgets all at its end."""
