"""Jobs, step by step: between two steps a job can be stopped, and others get their turn."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final, TypeAlias

from s3vectors_local import limits

from .members import Members
from .service import Service

Progress: TypeAlias = dict[str, Any]

Steps: TypeAlias = Generator[Progress, None, dict[str, Any]]
"""Yields its progress after each step, and returns its result."""

LIST_PAGE: Final = 500
"""Vectors that are listed in one step, at most."""

RANKING: Final = limits.TOP_K
"""Results of a query that can be had, at most."""


def report(phase: str, done: int, total: int | None = None) -> Progress:
    """Return the progress of a job.

    Args:
        phase: what it does.
        done: how many it has done of it.
        total: how many there are; None when it is not known.
    """
    return {"phase": phase, "done": done, "total": total}


def read_names(members: Members) -> dict[str, str]:
    """Return the names of a vector bucket and an index, as operations take them."""
    return {"vectorBucketName": members.text("bucket"), "indexName": members.text("index")}


def list_pages(service: Service, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """List vectors, a page at a time."""
    return _read_pages(service, "ListVectors", {"maxResults": LIST_PAGE, **request})


def query_pages(service: Service, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Query an index, a page at a time."""
    return _read_pages(service, "QueryVectors", request)


def _read_pages(
    service: Service, operation: str, request: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    token: str | None = None
    while True:
        page = service.call(
            operation, request if token is None else {**request, "nextToken": token}
        )
        yield page
        token = page.get("nextToken")
        if token is None:
            return
