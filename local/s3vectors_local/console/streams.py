"""Streamed responses: the progress and the result of a job, and files."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final

import orjson

from s3vectors_local.asgi import Receive, Send, drop_connection, start_response
from s3vectors_local.errors import (
    ServiceError,
    ServiceUnavailableException,
    TooManyRequestsException,
)

from .imports import Upload
from .responses import DATA_HEADERS, build_failure, describe_error
from .steps import Steps

_LOG = logging.getLogger(__name__)

_PAUSE: Final = 0.1
"""The minimum number of seconds between two lines of progress."""

_IMPORTS: Final = 2
"""The maximum number of concurrent imports; each has a thread that waits for its browser."""


class Streams:
    """Sends the lines of jobs, and files.

    Args:
        threads: where the steps run.
        stopping: set when the server stops; jobs end then.
    """

    def __init__(self, threads: Executor, stopping: asyncio.Event) -> None:
        self._threads = threads
        self._stopping = stopping
        self._imports = 0

    async def send_job(
        self,
        steps: Steps,
        receive: Receive,
        send: Send,
        turn: AbstractAsyncContextManager[object],
    ) -> None:
        """Run a job for a client, and stop when the client disconnects.

        Args:
            steps: the job.
            receive: of the request.
            send: of the request.
            turn: is entered to run the steps, and left before the result is sent.
        """
        left = asyncio.ensure_future(receive())
        try:
            async with turn:
                if left.done():  # it has waited for its turn, and left
                    return
                line = await self._work(self._threads, steps, left, send)
            if not left.done():
                await _send_part(send, line, more=False)
        finally:
            left.cancel()

    async def send_import(self, steps: Steps, upload: Upload, send: Send) -> None:
        """Run a job that reads the request body, in a thread that may wait for it.

        Raises:
            TooManyRequestsException: too many imports are running.
        """
        if self._imports == _IMPORTS:
            raise TooManyRequestsException(f"{_IMPORTS} imports are running; wait for one to end")
        self._imports += 1
        threads = ThreadPoolExecutor(1, thread_name_prefix="s3vectors-import")
        try:
            line = await self._work(threads, steps, asyncio.Future(), send)
            with suppress(ConnectionAbortedError):
                await upload.drain()
            await _send_part(send, line, more=False)
        finally:
            self._imports -= 1
            threads.shutdown(wait=False)

    async def _work(
        self, threads: Executor, steps: Steps, left: asyncio.Future[Any], send: Send
    ) -> bytes:
        """Run the steps of a job and send its progress; return its last line."""
        headers = {**DATA_HEADERS, "content-type": "application/x-ndjson"}
        await start_response(send, 200, headers)
        last = 0.0
        try:
            while True:
                line: bytes
                line, done = await _run(threads, _advance, steps)
                if done or left.done():
                    return line
                if self._stopping.is_set():
                    return _encode_error(ServiceUnavailableException("The server is stopping"))
                if time.monotonic() - last >= _PAUSE:
                    await _send_part(send, line)
                    last = time.monotonic()
        finally:
            threads.submit(_close, steps)  # not in the event loop: it may wait for running calls

    async def send_file(
        self, name: str, parts: Iterator[bytes], receive: Receive, send: Send
    ) -> None:
        """Send a file.

        Raises:
            ServiceError: nothing is sent yet. Later, the connection is closed instead, so that the
                browser does not take the beginning for the whole.
        """
        left = asyncio.ensure_future(receive())
        started = False
        try:
            while (part := await _run(self._threads, _read, parts)) is not None:
                if left.done():
                    return
                if part and not started:
                    await start_response(send, 200, _describe_file(name))
                    started = True
                if part:
                    await _send_part(send, part)
            await _send_part(send, b"", more=False)
        except ServiceError:
            if not started:
                raise
            await drop_connection(send, receive)
        finally:
            left.cancel()


async def _run(threads: Executor, function: Any, argument: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(threads, function, argument)


async def _send_part(send: Send, part: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": more})


def _advance(steps: Steps) -> tuple[bytes, bool]:
    """Run the next step; return the line to send, and whether it is the last."""
    try:
        return _encode({"progress": next(steps)}), False
    except StopIteration as done:
        return _encode({"result": done.value}), True
    except ServiceError as error:
        return _encode_error(error), True
    except Exception:  # noqa: BLE001 - any other error is logged
        _LOG.exception("a job of the console failed")
        return _encode_error(build_failure()), True


def _close(steps: Steps) -> None:
    with suppress(ValueError):  # the server stops, and a step has not ended in its time
        steps.close()


def _read(parts: Iterator[bytes]) -> bytes | None:
    """Return the next part of a file; None at its end."""
    try:
        return next(parts, None)
    except ServiceError:
        raise
    except Exception as error:
        _LOG.exception("a download of the console failed")
        raise build_failure() from error


def _describe_file(name: str) -> dict[str, str]:
    disposition = f'attachment; filename="{name}"'
    kind = "application/x-ndjson"
    return {**DATA_HEADERS, "content-type": kind, "content-disposition": disposition}


def _encode_error(error: ServiceError) -> bytes:
    return _encode({"error": describe_error(error)})


def _encode(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
