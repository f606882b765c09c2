"""The steps of jobs: between two steps, a job can be stopped, and other jobs can run."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

from s3vectors_local import limits

from .members import Members
from .service import Service

Progress: TypeAlias = dict[str, Any]

Steps: TypeAlias = Generator[Progress, None, dict[str, Any]]
"""Yields its progress after each step, and returns its result."""

LIST_PAGE: Final = 500
"""The maximum number of vectors that one step lists."""

_SEGMENTS: Final = 16
"""The maximum number of segments of a listing."""

RANKING: Final = limits.TOP_K
"""The maximum number of results of a query."""


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
    """List vectors, a page at a time, in no particular order."""
    requests = [{"maxResults": LIST_PAGE, **request}]
    if service.parallel > 1:
        count = min(service.parallel, _SEGMENTS)
        segments = [{"segmentIndex": n, "segmentCount": count} for n in range(count)]
        requests = [{**requests[0], **segment} for segment in segments]
    while requests:
        pages = list(call_each(service, "ListVectors", requests))
        yield from pages
        requests = [
            {**each, "nextToken": page["nextToken"]}
            for each, page in zip(requests, pages, strict=True)
            if page.get("nextToken")
        ]


def query_pages(service: Service, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Query an index, a page at a time."""
    token: dict[str, str] | None = {}
    while token is not None:
        page = service.call("QueryVectors", {**request, **token})
        yield page
        token = {"nextToken": page["nextToken"]} if page.get("nextToken") else None


def call_each(
    service: Service, operation: str, requests: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Perform an operation for each request, in their order, some at a time if that is faster."""
    if service.parallel == 1:
        yield from (service.call(operation, request) for request in requests)
        return
    with ThreadPoolExecutor(service.parallel, thread_name_prefix="s3vectors-console") as threads:
        for start in range(0, len(requests), service.parallel):  # so that it can be stopped
            batch = requests[start : start + service.parallel]
            yield from threads.map(lambda request: service.call(operation, request), batch)
