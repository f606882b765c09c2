"""A moto server. The stand-in calls it for every service but S3 Vectors.

It prints its URL, and stops when its input ends.
"""

from __future__ import annotations

import logging
import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve until the input ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)  # noqa: T201 - the caller reads it
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
