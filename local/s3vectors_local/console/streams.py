"""Responses that come bit by bit: the progress of a job, and then its result."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Final

import orjson

from s3vectors_local.asgi import Receive, Send, start_response
from s3vectors_local.errors import (
    InternalServerException,
    ServiceError,
    ServiceUnavailableException,
)

from .responses import DATA_HEADERS, describe_error
from .steps import Steps

_LOG = logging.getLogger(__name__)

_PAUSE: Final = 0.1
"""Seconds between two lines of progress, at least."""


class Streams:
    """Sends jobs' progress and results as lines of JSON.

    Args:
        threads: where their steps run.
        stopping: set when the server stops; jobs end then.
    """

    def __init__(self, threads: Executor, stopping: asyncio.Event) -> None:
        self._threads = threads
        self._stopping = stopping

    async def send(self, steps: Steps, receive: Receive, send: Send) -> None:
        """Do a job for a client that waits for it: no step is begun when it has left."""
        headers = {**DATA_HEADERS, "content-type": "application/x-ndjson"}
        await start_response(send, 200, headers)
        left = asyncio.ensure_future(receive())
        loop, last, done = asyncio.get_running_loop(), 0.0, False
        try:
            while not done:
                line, done = await loop.run_in_executor(self._threads, _advance, steps)
                if left.done():
                    return
                if not done and self._stopping.is_set():
                    stopped = ServiceUnavailableException("The server is stopping")
                    line, done = _encode({"error": describe_error(stopped)}), True
                if done or time.monotonic() - last >= _PAUSE:
                    body = {"type": "http.response.body", "body": line, "more_body": not done}
                    await send(body)
                    last = time.monotonic()
        finally:
            left.cancel()
            with suppress(ValueError):  # we are stopping, and a step has not ended in its time
                steps.close()


def _advance(steps: Steps) -> tuple[bytes, bool]:
    """Do the next step: the line to send, and whether it is the last."""
    try:
        return _encode({"progress": next(steps)}), False
    except StopIteration as done:
        return _encode({"result": done.value}), True
    except ServiceError as error:
        return _encode({"error": describe_error(error)}), True
    except Exception:  # noqa: BLE001 - the answer to whatever else is an error, and a log entry
        _LOG.exception("a job of the console failed")
        failed = InternalServerException("The console failed; its log says how")
        return _encode({"error": describe_error(failed)}), True


def _encode(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
