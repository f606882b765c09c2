"""The engine: one function per operation of the S3 Vectors API.

`buckets`, `indexes`, `tags`, `vectors` and `queries` hold the operations, `state` what they
work on. An operation takes the state, the request (the JSON members of the API) and whose
request it is, and returns the response's members. Requests come through `Engine.call`,
which checks their shape and permissions first; the two doors, `inprocess.py` and
`server.py`, both end there.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from s3vectors_local import constraints, shapes
from s3vectors_local.arns import Caller
from s3vectors_local.choices import PLAIN, Choices
from s3vectors_local.errors import (
    DataDirectoryError,
    InternalServerException,
    UnknownOperationException,
    ValidationException,
)
from s3vectors_local.iam import Policies, find_needs
from s3vectors_local.index import OPENED_AT_A_TIME
from s3vectors_local.rates import RateLimits
from s3vectors_local.storage import Storage

from . import buckets, indexes, queries, tags, vectors
from .builder import Builder
from .state import BucketMode, Request, Response, State

__all__ = ["OPERATIONS", "Engine"]

Operation: TypeAlias = Callable[[State, Request, Caller], Response]

OPERATIONS: Final[Mapping[str, Operation]] = {
    "CreateVectorBucket": buckets.create_vector_bucket,
    "GetVectorBucket": buckets.get_vector_bucket,
    "ListVectorBuckets": buckets.list_vector_buckets,
    "DeleteVectorBucket": buckets.delete_vector_bucket,
    "PutVectorBucketPolicy": buckets.put_vector_bucket_policy,
    "GetVectorBucketPolicy": buckets.get_vector_bucket_policy,
    "DeleteVectorBucketPolicy": buckets.delete_vector_bucket_policy,
    "PutVectorBucketDefaultIndexMode": buckets.put_vector_bucket_default_index_mode,
    "CreateIndex": indexes.create_index,
    "GetIndex": indexes.get_index,
    "ListIndexes": indexes.list_indexes,
    "DeleteIndex": indexes.delete_index,
    "UpdateIndexMode": indexes.update_index_mode,
    "UpdateMetadataConfiguration": indexes.update_metadata_configuration,
    "PutVectors": vectors.put_vectors,
    "GetVectors": vectors.get_vectors,
    "ListVectors": vectors.list_vectors,
    "DeleteVectors": vectors.delete_vectors,
    "QueryVectors": queries.query_vectors,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
}

_ACCOUNT: Final = re.compile(r"\d{12}")

_SEARCHING: Final = frozenset({"PutVectors", "GetVectors", "DeleteVectors", "QueryVectors"})
"""These need the index in memory."""

_PAUSE: Final = 0.0005
"""Seconds in which a request that waits for the lock can get it."""

_NONE: Final = Policies()
"""Those of a principal that has none."""

_BUILDING: Final = frozenset({"CreateIndex", "GetIndex", "UpdateMetadataConfiguration"})
"""After these a text search may be waiting to be built."""


@contextmanager
def _reading() -> Iterator[None]:
    """Around what reads the data directory."""
    try:
        yield
    except (sqlite3.Error, DataDirectoryError, orjson.JSONDecodeError) as error:
        message = f"the data directory could not be read: {error}"
        raise InternalServerException(message) from error


def _finish(builder: Builder, storage: Storage) -> None:
    """Give the data directory free, when nothing is under way any more."""
    if not storage.ownership.inherited:
        builder.close(then=storage.close)


class Engine:
    """S3 Vectors for one process; safe to call from many threads.

    A process that is forked from the one that made it cannot use it: every call there raises
    `InheritedEngineError`, and `close` does nothing.

    Args:
        directory: where to keep the data; made when missing, and owned until `close`.
            None keeps everything in memory.
        bucket_mode: "enhanced" makes vector buckets as AWS does today, "classic" as those
            made before 2026-09-30.
        choices: what to do where AWS's behaviour is not documented.
        policies: identity policies of whoever calls, or those of each principal (its ARN, its
            account's id); a principal without policies is allowed nothing. With policies,
            bucket policies are enforced, too; without, everything is allowed.
        rates: limits on writes; without them there are none.
        principals: who calls, by access key id: the ARN of a user, a role or a session, an
            account's id, or the name of a service. Any other key id of twelve digits is an
            account's id, and all others stand for one user of account 123456789012.

    Raises:
        DataDirectoryError: the directory cannot be used; the text says why.
        PolicyError: permissions are to be enforced, and a stored bucket policy cannot be
            evaluated.
        ValueError: a principal is none.
    """

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        directory: str | Path | None = None,
        *,
        bucket_mode: BucketMode = "enhanced",
        choices: Choices = PLAIN,
        policies: Policies | Mapping[str, Policies] | None = None,
        rates: RateLimits | None = None,
        principals: Mapping[str, str] | None = None,
    ) -> None:
        place = None if directory is None else Path(directory)
        self._callers = {
            key: Caller.from_principal(name) for key, name in (principals or {}).items()
        }
        self._policies = None if isinstance(policies, Mapping) else policies
        self._policies_by_principal = _by_principal(policies)
        self._rates = rates
        self._state = State(place, choices, bucket_mode, enforcing=policies is not None)
        self._lock = threading.Lock()
        self._builder = Builder(self._state, self._lock)
        self._closed = False
        with self._lock:
            self._builder.start()
        # An engine that nobody holds any more closes itself
        self._finish = weakref.finalize(self, _finish, self._builder, self._state.storage)
        # So does one with a directory when Python ends; in memory there is nothing to give free,
        # and a function registered with atexit may still work with it
        self._finish.atexit = place is not None

    def __enter__(self) -> Engine:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_owner(self) -> None:
        """Refuse to work in a process that was forked from the engine's.

        Raises:
            InheritedEngineError: says which process owns it, and how to share the data.
        """
        self._state.storage.ownership.check()

    def close(self) -> None:
        """Give the data directory free; the engine refuses every request afterwards."""
        if self._state.storage.ownership.inherited:
            return
        self._closed = True
        self._finish()

    def caller(self, access_key: str | None, region: str) -> Caller:
        """Whose request it is.

        Args:
            access_key: the id of the access key that signed it; None when nothing did.
            region: where it arrives.
        """
        known = self._callers.get(access_key or "")
        if known is not None:
            return replace(known, region=region)
        if access_key is not None and _ACCOUNT.fullmatch(access_key):
            return Caller(access_key, region)
        return Caller(region=region)

    @property
    def choices(self) -> Choices:
        """What it does where AWS's behaviour is not documented."""
        return self._state.choices

    def regions(self, account: str) -> set[str]:
        """Where an account has vector buckets."""
        self.check_owner()
        with self._lock:
            owned = [arn.split(":") for arn in self._state.buckets]
        return {arn[3] for arn in owned if arn[4] == account}

    def call(self, operation: str, request: Any, caller: Caller | None = None) -> Response:
        """Answer one request.

        Args:
            operation: AWS's name of it, such as "QueryVectors".
            request: the members of its input, of the types and ranges that JSON has.
            caller: whose request it is.

        Returns:
            The members of the operation's output; times are seconds since 1970, vectors
            float32 arrays.

        Raises:
            ServiceError: what AWS would answer instead; nothing is changed then. (After an
                interrupt, such as Ctrl-C, the request is carried out whole or not at all.)
            InheritedEngineError: this process was forked from the engine's.
        """
        self.check_owner()  # first: another thread may have held the lock at the fork
        if operation not in OPERATIONS:
            raise UnknownOperationException(f"The operation {operation} does not exist")
        shape = shapes.INPUTS[operation]
        constraints.check(shape, request)
        # What the operation does not have is passed over. null means not set; but a filter that is
        # null must not become no filter
        request = {
            name: request[name]
            for name in shape.members
            if name in request and (request[name] is not None or name == "filter")
        }
        caller = caller or Caller()
        if operation in _SEARCHING:
            self._open_index(request, caller)
        with self._lock, _reading():
            self._check_open()
            try:
                return self._perform(operation, request, caller)
            except InternalServerException as error:
                if not error.write_refused:
                    raise
            # An emptied log is written over, so that a deletion needs no more room
            self._state.storage.empty_log()
            return self._perform(operation, request, caller)

    def _open_index(self, request: Request, caller: Caller) -> None:
        """Read an index into memory, and let other requests pass between two batches."""
        with suppress(ValidationException, KeyError):  # whoever performs the request says so
            arn = caller.resolve_index_arn(request)
            while True:
                with self._lock, _reading():
                    self._check_open()
                    if self._state.indexes[arn].open(OPENED_AT_A_TIME):
                        return
                time.sleep(_PAUSE)

    def _check_open(self) -> None:
        if self._closed:
            raise InternalServerException("the engine is closed")

    def _perform(self, operation: str, request: Request, caller: Caller) -> Response:
        with self._state.changing():
            return self._permitted(operation, request, caller)

    def _permitted(self, operation: str, request: Request, caller: Caller) -> Response:
        if not self._state.enforcing:
            caller.check_account(operation, request)
        else:
            needed = find_needs(operation, request, caller, self._state.tags_of)
            bucket_policy = self._state.bucket_policy(needed[0].resource)
            policies = self._policies or self._policies_by_principal.get(
                caller.policy_holder, _NONE
            )
            policies.check(needed, caller, bucket_policy)
        caller.check_region(request)
        if self._rates is not None and operation in ("PutVectors", "DeleteVectors"):
            arn = self._state.index(request, caller).configuration.arn
            self._rates.take(arn, len(request.get("vectors") or request["keys"]))
        response = OPERATIONS[operation](self._state, request, caller)
        if operation in _BUILDING:
            self._builder.start()
        return response


def _by_principal(
    policies: Policies | Mapping[str, Policies] | None,
) -> dict[tuple[str, str], Policies]:
    found: dict[tuple[str, str], Policies] = {}
    for name, own in (policies if isinstance(policies, Mapping) else {}).items():
        who = Caller.from_principal(name).policy_holder
        if who in found:
            raise ValueError(f'"{name}" is a principal that is named twice; name it once')
        found[who] = own
    return found
