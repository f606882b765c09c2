"""Amazon S3 Vectors in a box, in process or over HTTP.

    from s3vectors_local import Engine, connect
    client = connect(boto3.client("s3vectors", region_name="us-east-1"), Engine("./data"))

or `s3vectors-local serve --port 9100 --data ./data`, and any AWS SDK with that endpoint.

What is faithful
    The thirteen operations in `engine.OPERATIONS`: request constraints of the API model,
    names and ARNs, the metadata size arithmetic, the filter language, page tokens, error
    codes, statuses and messages. Searches are exact, so they find what AWS's approximate
    search finds and, now and then, more.

What is not, or not known of AWS
    Refused with 501 so far: tags and policies of buckets, UpdateIndexMode,
    UpdateMetadataConfiguration, PutVectorBucketDefaultIndexMode, full-text search.
    Signatures, permissions and rate limits are not checked; encryption is recorded, not
    done. Undocumented on AWS, and chosen here as the plainest: filters on missing keys
    and arrays (see `filters`), euclidean distance (plain, not squared), the last of equal
    keys in one PutVectors wins, all of a PutVectors request is refused for one bad record,
    numbers in metadata keep double precision, at most 50 levels of $and and $or, a member
    that is null counts as not set (but a null filter is refused). The README has the list.

Modules: `engine` (one function per operation) → `index` (one index's vectors) →
`storage`; `constraints` and `shapes` (the API model), `validation`, `filters`, `limits`
(what else is refused); `wire` (the protocol), `inprocess` and `server` (the two doors).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arns import Caller
    from .engine import Engine
    from .errors import DataDirectoryError, ServiceError
    from .inprocess import connect
    from .server import listen, serve

__all__ = [
    "Caller",
    "DataDirectoryError",
    "Engine",
    "ServiceError",
    "connect",
    "listen",
    "serve",
]

_HOMES = {
    "Caller": "arns",
    "DataDirectoryError": "errors",
    "Engine": "engine",
    "ServiceError": "errors",
    "connect": "inprocess",
    "listen": "server",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing the package is light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
