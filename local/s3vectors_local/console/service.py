"""The service behind the console: an engine in this process, or another with this interface."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from s3vectors_local.arns import DEFAULT_REGION
from s3vectors_local.choices import Choices
from s3vectors_local.engine import Engine
from s3vectors_local.errors import (
    InheritedEngineError,
    InternalServerException,
    ServiceError,
    ValidationException,
)
from s3vectors_local.parsing import parse
from s3vectors_local.wire import Response, build_error_response, name_resource

_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")

Record = Callable[[str, str, Response, float], None]
"""Takes the method and path of a request, its response and its duration in seconds."""


class Service(Protocol):
    """An S3 Vectors service."""

    @property
    def choices(self) -> Choices:
        """Its choices for filters where AWS's behavior is not documented."""

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Perform an operation; times are seconds since 1970.

        Raises:
            ServiceError: what the service answers instead.
        """

    @property
    def text_key(self) -> str | None:
        """The metadata key that usually has the text, or None."""

    @property
    def parallel(self) -> int:
        """How many calls to make at a time, where that is faster than one after the other."""

    def read_stamp(self, names: Mapping[str, str]) -> int | None:
        """Return a number that changes with an index; None if the service has none.

        Raises:
            ServiceError: there is no such index.
        """

    def embed(self, text: str) -> Sequence[float]:
        """Embed a text.

        Raises:
            ServiceError: there is no embedder, or it failed.
        """

    def describe(self) -> dict[str, Any]:
        """The service's members of `about`, which the page shows."""

    def in_region(self, region: str) -> Service:
        """The service for another region.

        Raises:
            ServiceError: it has no other.
        """


class EngineService:
    """An engine in this process, as its default caller sees it.

    Args:
        engine: executes the operations.
        record: is called after each operation.
        region: of the vector buckets.
    """

    def __init__(self, engine: Engine, record: Record, region: str = DEFAULT_REGION) -> None:
        self._engine = engine
        self._record = record
        self._region = region
        self._caller = engine.caller(None, region)

    @property
    def choices(self) -> Choices:
        """Those of the engine."""
        return self._engine.choices

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Perform an operation, and record it."""
        begun = time.perf_counter()
        done = Response(500, {}, b"", reason="InternalServerException")  # an unexpected error
        try:
            if operation == "PutVectors":  # its numbers are still JSON
                request = parse(operation, orjson.dumps(request))
            response = self._engine.call(operation, request, self._caller)
        except ServiceError as error:
            done = build_error_response(error)
            raise
        except InheritedEngineError as error:
            raise InternalServerException(str(error)) from error
        else:
            done = Response(200, {}, b"")
            return response
        finally:
            seconds = time.perf_counter() - begun
            where = ("GET", "/tags/") if operation == "ListTagsForResource" else None
            answer = done._replace(resource=name_resource(request))
            self._record(*(where or ("POST", f"/{operation}")), answer, seconds)

    @property
    def text_key(self) -> None:
        """None: an engine has indexes of all kinds."""
        return

    @property
    def parallel(self) -> int:
        """One: an engine works on one request at a time."""
        return 1

    def read_stamp(self, names: Mapping[str, str]) -> int:
        """Return the engine's own."""
        return self._engine.read_stamp(names, self._caller)

    def embed(self, text: str) -> Sequence[float]:  # noqa: ARG002 - of the interface
        """Refuse: an engine has no embedder."""
        raise ValidationException(
            "No embedder is configured. Query by a key or a vector, or by full text; with "
            "`stache-s3vectors console`, Stache's embedder makes a vector of a text"
        )

    def describe(self) -> dict[str, Any]:
        """An engine, and where its vector buckets are."""
        regions = sorted({self._region, *self._engine.list_regions(self._caller.account)})
        service = {"kind": "engine", "name": "s3vectors-local", "region": self._region}
        return {
            "service": {**service, "endpoint": None, "regions": regions},
            "embedder": None,
            "columns": [],
            "text_key": self.text_key,
            "bucket": None,
            "indexes": None,
            "level": None,
        }

    def in_region(self, region: str) -> EngineService:
        """The same engine in another region."""
        if not _REGION.fullmatch(region):
            raise ValidationException(f"{region!r:.80} is not the name of a region")
        return EngineService(self._engine, self._record, region)
