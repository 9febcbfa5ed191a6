"""Measures the product and prints one table: `python -m bench`, explained in docs/decisions/bench.md."""
