"""Amazon S3 Vectors in a box, in process or over HTTP.

    from s3vectors_local import Engine, connect
    client = connect(boto3.client("s3vectors", region_name="us-east-1"), Engine("./data"))

or `s3vectors-local serve --port 9100 --data ./data`, and any AWS SDK with that endpoint.

What is faithful
    All 22 operations: request constraints of the API model, names and ARNs, the metadata
    size arithmetic, the filter language, index modes, pages and tokens, read-after-write
    consistency, error codes, statuses and messages; on request permissions, signatures
    and the documented rates. Searches are exact, so they find what AWS's approximate
    search finds and, now and then, more.

What is not, or not known of AWS
    Bucket policies are enforced with permissions only; encryption is recorded, not done.
    Undocumented on AWS, and chosen here as the plainest (`choices` has switches for some): `$ne`
    and `$nin` on missing keys and on arrays, euclidean distance (plain, not squared), the precision
    of numbers in metadata, equal keys in one PutVectors; the text analyzers, BM25's parameters and
    the constants of rank fusion (see `text`), several query texts without a vector are ranked by
    the sum of their scores; all of a PutVectors request is refused for one bad record, at most 50
    levels of $and and $or, a member that is null counts as not set (but a null filter is refused).
    The README has the list.

Modules: `engine` (one function per operation) → `index` (one index's vectors) → `rows`
(`matrix`, `columns`: what searches compare) and `table` (`storage`: what is kept);
`constraints` and `shapes` (the API model), `validation`, `filters`, `text`, `limits`; `iam`
(permissions); `wire` (the protocol), `inprocess` (one client), `all_clients` and `server`, and
what they do on request: `signatures`, `faults`, `rates`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .all_clients import connect_all
    from .arns import Caller
    from .choices import Choices
    from .engine import Engine
    from .errors import DataDirectoryError, InheritedEngineError, PolicyError, ServiceError
    from .faults import Faults
    from .iam import Policies
    from .inprocess import connect
    from .rates import RateLimits
    from .server import listen, serve, serving
    from .signatures import Verifier

_HOMES = {
    "Caller": "arns",
    "Choices": "choices",
    "DataDirectoryError": "errors",
    "Engine": "engine",
    "Faults": "faults",
    "InheritedEngineError": "errors",
    "Policies": "iam",
    "PolicyError": "errors",
    "RateLimits": "rates",
    "ServiceError": "errors",
    "Verifier": "signatures",
    "connect": "inprocess",
    "connect_all": "all_clients",
    "listen": "server",
    "serve": "server",
    "serving": "server",
}

__all__ = [
    "Caller",
    "Choices",
    "DataDirectoryError",
    "Engine",
    "Faults",
    "InheritedEngineError",
    "Policies",
    "PolicyError",
    "RateLimits",
    "ServiceError",
    "Verifier",
    "connect",
    "connect_all",
    "listen",
    "serve",
    "serving",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing the package is light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
