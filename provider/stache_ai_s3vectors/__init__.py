"""Amazon S3 Vectors for Stache AI.

To use the provider, set `VECTORDB_PROVIDER=s3vectors` and a bucket; Stache finds it.

The packages, from Stache's terms down to AWS's; each imports only from those below it:

    provider       START HERE: Stache's VectorDBProvider
    plugins        Stache's other plugins: hybrid search, the document index on SQLite
    operations     the work of the provider's methods: insert, search, scan, and calls by id
    aws            calls to S3 Vectors: client, index, bodies, batches, parallel calls
    chunks         a Stache chunk to an S3 Vectors record and back; filters; checks (pure)
    settings       every setting: name, default, meaning
    errors         our exceptions
    service        facts about S3 Vectors: names, limits, IAM permissions (pure)

    tool           the command stache-s3vectors; it never runs in Lambda
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aws.deadlines import time_limit
    from .errors import (
        AccessDeniedError,
        ConfigurationError,
        DamagedFileError,
        DocumentIndexError,
        InvalidInputError,
        NamespaceError,
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
    "DamagedFileError",
    "DocumentIndexError",
    "InvalidInputError",
    "NamespaceError",
    "NotFoundError",
    "PartialWriteError",
    "RejectedError",
    "S3VectorsError",
    "S3VectorsProvider",
    "Settings",
    "UnavailableError",
    "time_limit",
]

_HOMES = {"S3VectorsProvider": "provider", "Settings": "settings", "time_limit": "aws.deadlines"}


def __getattr__(name: str) -> Any:
    """Load a public name on first use: importing the package loads neither boto3 nor Stache."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "errors")
    if home == "provider":  # Stache 0.1.0 loads all plugins, and so us, when this is imported
        import_module("stache_ai.providers")
    return getattr(import_module(f".{home}", __name__), name)
