"""`python -m shop --port 3000`: the shop as a service; `STORE_API_KEY` in the environment locks it."""

from __future__ import annotations

import argparse
import os

import uvicorn

from shop.app import make_app


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="shop", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    options = parser.parse_args()
    app = make_app(api_key=os.environ.get("STORE_API_KEY", ""))
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
