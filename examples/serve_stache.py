"""Run all of Stache on a laptop: the engine, the document index, Stache's API.

Starts the local engine as a server, ingests the documents of the demo unless they are
stored, and serves Stache's API with its interactive documentation. Ctrl-C stops everything.

    python examples/serve_stache.py
    python examples/serve_stache.py --port 8001
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import quickstart
from quickstart import CONSOLE, NAMESPACE

HOST: Final = "127.0.0.1"
_JSON: Final = "-H 'Content-Type: application/json'"

GUIDE: Final = """
Stache is running. Press Ctrl-C to stop.

  API, to try in the browser   {url}/docs
  engine                       {engine}
  console, to look at vectors  {engine}/
  data                         {data}

Search, add and list, in another terminal:

  curl -s {url}/api/query {json} -d '{{"query": "{question}", "namespace": "{namespace}", \
"top_k": 3, "synthesize": false}}'
  curl -s {url}/api/ingest {json} -d '{{"text": "The cat sleeps on the warm printer.", \
"namespace": "notes", "metadata": {{"filename": "cat.txt"}}}}'
  curl -s '{url}/api/documents?namespace=notes'
"""


class StartError(Exception):
    """Something cannot be started; the message says what to do."""


def listen(port: int) -> socket.socket:
    """A socket on this machine's own address.

    Raises:
        StartError: another program uses the port.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise StartError(
            f"port {port} cannot be used: {error.strerror}. End the program that uses it, or "
            f"choose another port: make stache PORT={port + 1}"
        ) from error
    return listening


@contextmanager
def run_engine(data: Path) -> Iterator[str]:
    """The local engine as a server on a free port, until the end; its URL."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0"]
    # In a session of its own: Ctrl-C ends Stache first, then the engine
    with subprocess.Popen(  # noqa: S603 - a command of ours
        [*command, "--data", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for mypy
        try:
            line = process.stdout.readline()
            if not line:
                raise StartError("the engine did not start; it says why above")
            yield line.split()[1].rstrip(",")
        finally:
            process.terminate()


def make_settings(data: Path, engine: str) -> dict[str, str]:
    """The environment variables of the demo, for an engine that is a server."""
    return {
        **quickstart.make_settings(data),
        "S3VECTORS_ENDPOINT_URL": engine,
        "S3VECTORS_CREATE_INDEX": "true",
        "DEFAULT_NAMESPACE": "default",
        "QUEUE_DIR": str(data / "queue"),
        "LOG_LEVEL": "warning",
        "AWS_ACCESS_KEY_ID": "local",  # any will do
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def create_bucket(engine: str) -> None:
    """Create the demo's vector bucket, unless it is there."""
    import boto3

    client = boto3.client("s3vectors", region_name="us-east-1", endpoint_url=engine)
    try:
        client.create_vector_bucket(vectorBucketName="quickstart")
    except client.exceptions.ConflictException:
        pass
    finally:
        client.close()


def serve(listening: socket.socket, guide: str) -> None:
    """Serve Stache's API until Ctrl-C; the guide is printed when it answers."""
    import uvicorn
    from stache_ai.api.main import app

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            CONSOLE.print(guide, markup=False, soft_wrap=True)

    Server(uvicorn.Config(app, log_level="warning")).run([listening])


def run(port: int, data: Path) -> None:
    """Start everything, in the order in which it is needed."""
    with listen(port) as listening, run_engine(data / "vectors") as engine:
        quickstart.use_settings(make_settings(data, engine))
        create_bucket(engine)
        pipeline = quickstart.make_pipeline()
        count = asyncio.run(quickstart.ingest(pipeline))
        CONSOLE.print(f"{count} documents ingested")
        guide = GUIDE.format(
            url="http://{}:{}".format(*listening.getsockname()),
            engine=engine,
            data=data.resolve(),
            json=_JSON,
            namespace=NAMESPACE,
            question=quickstart.QUESTIONS[0],
        )
        serve(listening, guide)


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000, help="API port; 0 takes a free one")
    parser.add_argument("--data", type=Path, default=Path(".demo-data"), help="where to keep data")
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    from stache_ai_s3vectors import S3VectorsError

    try:
        run(arguments.port, arguments.data)
    except KeyboardInterrupt:
        CONSOLE.print("\nStache has ended; the data stays.")
    except (S3VectorsError, StartError) as error:
        print(f"serve_stache: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
