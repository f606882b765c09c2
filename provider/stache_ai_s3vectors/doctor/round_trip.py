"""One vector in, found, and out again, through the provider as Stache uses it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ..errors import S3VectorsError
from ..keys import OVERFLOW
from ..provider import S3VectorsProvider
from ..vector_index import VectorIndex
from .findings import Finding, failed, ok, skipped, wrong

if TYPE_CHECKING:
    from ..settings import Settings

_NESTED: Final[dict[str, Any]] = {"nested": {"a": 1}}
"""Metadata that travels in `_overflow`."""

_TEXT: Final = "stache-s3vectors doctor wrote this and will remove it"


def examine(index: VectorIndex, settings: Settings, *, allowed: bool) -> Iterator[Finding]:
    """Insert, search, read, delete; says so when the vector could not be removed.

    Args:
        allowed: whether the vector could be found and deleted again.
    """
    name = f"round trip in {index.options.index}"
    if not allowed:
        yield skipped(name, "not tried: the permissions for it are missing")
        return
    told = index.describe()
    dimension = told.dimension
    if dimension != index.options.dimension:
        return  # which is told already
    provider = S3VectorsProvider(settings, index.options.index)
    key = f"stache-s3vectors-doctor-{uuid.uuid4()}"
    vector = [1.0] + [0.0] * (dimension - 1)
    try:
        metadata = _NESTED if OVERFLOW in told.non_filterable else {}
        provider.insert([vector], [_TEXT], [metadata], [key], namespace=key)
    except S3VectorsError as error:
        yield failed(name, error)
        return
    problem = _problem(provider, key, vector, metadata)
    try:
        provider.delete([key], namespace=key)
        left = provider.get_by_ids([key])
    except S3VectorsError as error:
        purge = f"stache-s3vectors purge --index {index.options.index} --namespace {key} --yes"
        yield failed(name, error, f"the vector {key} is left behind; when deletes work: {purge}")
        return
    if left:
        problem = f"the vector {key} is there after it was deleted"
    if problem:
        yield wrong(name, problem, "check that the endpoint is S3 Vectors, or a faithful engine")
        return
    yield ok(name, "inserted, found, read, deleted")


def _problem(
    provider: S3VectorsProvider, key: str, vector: list[float], metadata: dict[str, Any]
) -> str:
    try:
        found: list[Any] = provider.search(vector, top_k=1, namespace=key)
        read: list[Any] = provider.get_by_ids([key])
    except S3VectorsError as error:
        return str(error)
    if [result["id"] for result in found] != [key]:
        return f"the vector just inserted is not found in its namespace, but {found!r:.80}"
    if not read or not {"text": _TEXT, **metadata}.items() <= read[0].items():
        return f"the vector just inserted reads back as {read!r:.80}"
    return ""
