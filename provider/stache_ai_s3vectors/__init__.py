"""Amazon S3 Vectors for Stache AI.

Stache finds the provider by itself: `VECTORDB_PROVIDER=s3vectors` and a bucket.

Modules, from Stache's words down to AWS's:

    provider        Stache's VectorDBProvider; START HERE
    settings        every setting: name, default, meaning
    inputs          what Stache hands over, checked before anything is sent (pure)
    records, rows   a chunk ⇄ a record; a record as the dictionary Stache reads (pure)
    filters         namespace, soft delete and the caller's filter as one filter (pure)
    inserts, scans  check all, then store; find by filter
    vector_index    one index: batches and pages
    provision       make a bucket, make an index
    client          a boto3 client whose far end is AWS or the local engine
    limits, errors  AWS's numbers; our exceptions
    cli             the command stache-s3vectors
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        AccessDeniedError,
        ConfigurationError,
        InvalidInputError,
        NotFoundError,
        PartialWriteError,
        RejectedError,
        S3VectorsError,
        UnavailableError,
    )
    from .provider import S3VectorsProvider
    from .settings import Settings

__all__ = [
    "AccessDeniedError",
    "ConfigurationError",
    "InvalidInputError",
    "NotFoundError",
    "PartialWriteError",
    "RejectedError",
    "S3VectorsError",
    "S3VectorsProvider",
    "Settings",
    "UnavailableError",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package loads nothing else."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = {"S3VectorsProvider": "provider", "Settings": "settings"}.get(name, "errors")
    if home == "provider":  # Stache 0.1.0 loads all plugins, and so us, when this is imported
        import_module("stache_ai.providers")
    return getattr(import_module(f".{home}", __name__), name)
