"""A local engine for the Amazon S3 Vectors API, in process or over HTTP.

    from s3vectors_local import Engine, connect
    client = connect(boto3.client("s3vectors", region_name="us-east-1"), Engine("./data"))

or `s3vectors-local serve --port 9100 --data ./data`, and any AWS SDK with that endpoint.

Like AWS
    All 22 operations, with the constraints of the API model, names and ARNs, the metadata size
    arithmetic, the filter language, index modes, pages and tokens, read-after-write consistency,
    error codes, statuses and messages. On request: permissions, signatures and the documented rate
    limits. Searches are exact, so they find what AWS's approximate search finds and sometimes more.

Different or unknown
    Bucket policies are enforced only with permissions. The encryption configuration is stored, but
    nothing is encrypted. Where AWS does not document its behavior, the engine takes the simplest.
    `choices` has switches for some of it. README.md has the whole list.

Where to start: `engine` has one function per operation. It calls `index` (the vectors of one
index), which uses `rows` (in memory: `matrix` and `columns`) and `table` (in `storage`). A request
arrives by `server` or by `inprocess` (one boto3 client) and `all_clients` (all of them), and `wire`
answers it. `constraints` checks it against `shapes`, the API model; `validation`, `filters` and
`limits` have the other rules. On request, `iam` enforces permissions, `signatures` verifies
signatures, `rates` limits writes and `faults` injects faults. `console` has the web pages and
their HTTP API. `snapshots` exports and imports indexes, for the console and the commands of
`snapshot_commands`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .all_clients import connect_all
    from .arns import Caller
    from .choices import Choices
    from .engine import Engine
    from .errors import (
        DataDirectoryError,
        InheritedEngineError,
        MissingDataError,
        PolicyError,
        ServiceError,
    )
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
    "MissingDataError": "errors",
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
    "MissingDataError",
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
