"""Amazon S3 Vectors for Stache AI.

Stache finds the provider by itself: `VECTORDB_PROVIDER=s3vectors` and a bucket.

Modules, from Stache's words down to AWS's:

    provider           Stache's VectorDBProvider; START HERE
    document_index     Stache's DocumentIndexProvider on SQLite
    query_processor    hands the question's words from Stache's pipeline to the provider
    settings           every setting: name, default, meaning
    inserts, updates   check all, then store; change or delete by id
    searches, scans    by vector and words; by filter, through the whole index
    vector_index       one index: batches, pages, pace, parallel calls
    dimensions         vectors, settings and index have the same number of them
    connections        what this process keeps: clients, engines, what is known of indexes
    shared, outcomes   what an index's users share; what became of a call's batches
    batches, answers   what is sent, what comes back, as values (pure)
    provision          make a bucket, make an index
    client, bodies     a boto3 client whose far end is AWS or the local engine; its JSON
    retries, deadlines trying a request again, and until when
    parallel, pace     several calls at a time; no more than the service takes
    flights            one call for all who need its answer (pure)
    inputs, questions  what Stache hands over, checked; a question's words (pure)
    filters            namespace, soft delete and the caller's filter as one filter (pure)
    records, rows      a chunk ⇄ a record; a record as the dictionary Stache reads (pure)
    sizes, values      what metadata weighs; which values there are (pure)
    keys, limits       Stache's names; AWS's numbers
    arns               names and ARNs of vector buckets
    permissions        the IAM actions that each level of use needs
    policy_check       whether an IAM policy allows them, and nothing else (by the engine)
    errors, logs       our exceptions; one line for each operation
    texts              texts of others, such that they may be printed (pure)
    cli                the command stache-s3vectors, and below it
    doctor, remedies   will it work, and what to do about an error
    transfers          records into an index, only what differs
    exports            an index as a file that guards itself
    migration          what the older package wrote, as ours (pure)
    embedding          new vectors of stored texts, by Stache's embedder
    stats, prices      what an index holds; what AWS charges (pure)
    identity           whose credentials these are
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .deadlines import time_limit
    from .errors import (
        AccessDeniedError,
        ConfigurationError,
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

_HOMES = {"S3VectorsProvider": "provider", "Settings": "settings", "time_limit": "deadlines"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package loads nothing else."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "errors")
    if home == "provider":  # Stache 0.1.0 loads all plugins, and so us, when this is imported
        import_module("stache_ai.providers")
    return getattr(import_module(f".{home}", __name__), name)
