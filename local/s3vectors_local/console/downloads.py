"""Downloads: exports of vectors, each fetched by a browser with a ticket."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from s3vectors_local.errors import NotFoundException, ValidationException
from s3vectors_local.snapshots import SnapshotIndex

from .conditions import Matcher, list_keys, read_matcher
from .members import Members
from .service import Service
from .steps import read_names

_SECONDS: Final = 60
"""The seconds for which a ticket is valid."""

_TICKETS: Final = 100
"""The number of valid tickets; the oldest is dropped."""

_KEYS: Final = 1_000_000
"""The maximum number of vectors of a download: their keys are in memory."""

_MAX_KEYS_NAMED: Final = 10_000

_NAME: Final = re.compile(r"[a-z0-9.-]{1,63}")


@dataclass(frozen=True)
class Download:
    """A download that was asked for.

    Args:
        service: whose index it is.
        bucket: the name of the vector bucket.
        index: the name of the index.
        keys: of the vectors; None for all that are selected.
        prefix: with which the keys begin.
        matcher: of the filter; None for no filter.
    """

    service: Service
    bucket: str
    index: str
    keys: Sequence[str] | None
    prefix: str
    matcher: Matcher | None

    @property
    def file_name(self) -> str:
        """The name of the file; another service than S3 Vectors may return unsafe names."""
        return f"{self.index if _NAME.fullmatch(self.index) else 'vectors'}.jsonl"

    def read(self) -> Iterator[bytes]:
        """Yield the file in parts; empty parts while its vectors are being listed."""
        keys: list[str] = []
        for listed in self._list_keys():
            keys += listed
            if len(keys) > _KEYS:
                raise ValidationException(
                    f"More than {_KEYS:,} vectors are too many for a browser; use "
                    "`stache-s3vectors export` or `s3vectors-local export`"
                )
            yield b""
        file = BytesIO()
        snapshot = SnapshotIndex(self.service.call, self.bucket, self.index)
        for _ in snapshot.write_steps(file, keys, compressed=False):
            yield file.getvalue()
            file.seek(0)
            file.truncate()

    def _list_keys(self) -> Iterator[list[str]]:
        if self.keys is not None:
            yield list(set(self.keys))
            return
        names = {"vectorBucketName": self.bucket, "indexName": self.index}
        for _, keys in list_keys(self.service, names, self.matcher):
            yield [key for key in keys if key.startswith(self.prefix)]


def read_download(service: Service, members: Members) -> Download:
    """Parse the request for a download, and check that the index exists."""
    names = read_names(members)
    index = service.call("GetIndex", names)["index"]
    matcher = read_matcher(service, names, index, members)
    keys = members.texts("keys", _MAX_KEYS_NAMED) if members.has("keys") else None
    prefix = members.optional_text("prefix") or ""
    return Download(service, names["vectorBucketName"], names["indexName"], keys, prefix, matcher)


class Tickets:
    """Requested downloads, each to be fetched once before its ticket expires."""

    def __init__(self) -> None:
        self._downloads: dict[str, tuple[float, Download]] = {}
        self._lock = threading.Lock()

    def issue(self, download: Download) -> str:
        """Return a ticket for a download."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._downloads[ticket] = (time.monotonic() + _SECONDS, download)
            while len(self._downloads) > _TICKETS:
                del self._downloads[next(iter(self._downloads))]
        return ticket

    def redeem(self, ticket: str) -> Download:
        """Return the download of a ticket, and invalidate the ticket.

        Raises:
            NotFoundException: the ticket is unknown, used or expired.
        """
        with self._lock:
            end, download = self._downloads.pop(ticket, (0.0, None))
        if download is None or time.monotonic() > end:
            raise NotFoundException(
                "This download was already fetched, or has expired; start it again"
            )
        return download
