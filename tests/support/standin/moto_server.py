"""moto as a server: what the stand-in calls for everything but vectors.

It tells its URL, and stops when its input ends.
"""

from __future__ import annotations

import logging
import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)  # noqa: T201 - that is its answer
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
