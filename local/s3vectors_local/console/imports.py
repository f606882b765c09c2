"""The job that imports an export while the browser sends it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import Final
from urllib.parse import parse_qs

from s3vectors_local.asgi import Receive
from s3vectors_local.errors import OtherServiceError, ServiceError, ValidationException
from s3vectors_local.exports import DamagedExportError, Reader
from s3vectors_local.snapshots import SnapshotIndex

from .service import Service
from .steps import Steps, report

TYPES: Final = ("application/octet-stream", "application/x-ndjson")
"""Content types of a file; a web page of another origin cannot send them."""

_BUFFER: Final = 1 << 20
"""Bytes of the file that are read ahead."""

_CUT_OFF: Final = "The browser stopped sending the file"


class Upload(io.RawIOBase):
    """The body of a request as a file, which a thread reads while the event loop receives it.

    Args:
        receive: of the request.
        loop: where it is received.
    """

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._receive = receive
        self._loop = loop
        self._rest = memoryview(b"")
        self._more = True

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # a buffer
        """Read some of it.

        Raises:
            ConnectionAbortedError: the client left.
        """
        while not self._rest and self._more:
            try:
                body = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            except CancelledError as error:  # the server has stopped
                raise ConnectionAbortedError(_CUT_OFF) from error
            self._rest = memoryview(body)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    async def drain(self) -> None:
        """Receive the rest: a browser reads the response only after it has sent its request."""
        while self._more:
            await self._next()

    async def _next(self) -> bytes:
        message = await self._receive()
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        if message["type"] != "http.request":
            raise ConnectionAbortedError(_CUT_OFF)
        return bytes(message.get("body", b""))


def read_target(query: str) -> dict[str, str]:
    """Return the bucket and the index in the query of an import's address.

    Raises:
        ValidationException: one is missing or repeated.
    """
    members = parse_qs(query, keep_blank_values=True)
    if any(len(members.get(name, ())) != 1 for name in ("bucket", "index")):
        raise ValidationException("The address of an import needs ?bucket=NAME&index=NAME")
    return {name: members[name][0] for name in ("bucket", "index")}


def import_file(service: Service, target: Mapping[str, str], upload: Upload) -> Steps:
    """Store the vectors of an export, each line checked before it is used.

    Raises:
        ServiceError: the file is damaged or the service refused; says how many are stored.
    """
    stored = 0
    snapshot = SnapshotIndex(service.call, target["bucket"], target["index"])
    try:
        reader = Reader(io.BufferedReader(upload, _BUFFER), "the file")
        yield report("importing", 0)
        for count in snapshot.read_steps(reader):
            stored += count
            yield report("importing", stored)
    except DamagedExportError as error:
        raise _add_stored_count(
            OtherServiceError("DamagedExport", str(error), 400), stored
        ) from error
    except ConnectionAbortedError as error:
        raise _add_stored_count(OtherServiceError("CutOff", _CUT_OFF, 400), stored) from error
    except ServiceError as error:
        raise _add_stored_count(error, stored) from error
    return {"count": stored}


def _add_stored_count(error: ServiceError, stored: int) -> OtherServiceError:
    """Return an error that also says how many vectors are stored."""
    summary = f"{stored:,} vectors of the file are stored" if stored else "Nothing is stored"
    counted = OtherServiceError(
        error.code, f"{error.message.rstrip('.')}. {summary}.", error.status
    )
    counted.statement = error.statement
    return counted
