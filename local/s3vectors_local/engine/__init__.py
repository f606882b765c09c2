"""The engine: one function per operation of the S3 Vectors API.

`buckets`, `indexes`, `tags`, `vectors` and `queries` have the operations; `state` has the buckets
and indexes. An operation takes the state, the request (the JSON members of the API) and the caller,
and returns the members of the response. `inprocess.py` and `server.py` both reach `Engine.call`
through `wire.py`. It first checks the shape and the permissions of a request.
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
from s3vectors_local.choices import DEFAULT, Choices
from s3vectors_local.errors import (
    DataDirectoryError,
    InternalServerException,
    UnknownOperationException,
    ValidationException,
)
from s3vectors_local.iam import Policies, find_needs
from s3vectors_local.index import LOADED_AT_A_TIME
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

_USING_VECTORS: Final = frozenset({"PutVectors", "GetVectors", "DeleteVectors", "QueryVectors"})
"""Operations that need the index in memory."""

_PAUSE_SECONDS: Final = 0.0005
"""Seconds without the lock, so that a waiting request gets it."""

_NO_POLICIES: Final = Policies()
"""The policies of a principal without policies."""

_MAY_START_BUILDING: Final = frozenset({"CreateIndex", "GetIndex", "UpdateMetadataConfiguration"})
"""Operations after which a text search may have to be built."""


@contextmanager
def _convert_read_errors() -> Iterator[None]:
    """Convert errors from reading the data directory."""
    try:
        yield
    except (sqlite3.Error, DataDirectoryError, orjson.JSONDecodeError) as error:
        message = f"the data directory could not be read: {error}"
        raise InternalServerException(message) from error


def _close_idle(builder: Builder, storage: Storage) -> None:
    """Close the storage when the builder has stopped."""
    if not storage.ownership.inherited:
        builder.close(then=storage.close)


class Engine:
    """S3 Vectors in one process; thread-safe.

    A forked process cannot use the engine of its parent: every call raises `InheritedEngineError`,
    and `close` does nothing.

    Args:
        directory: the data directory, locked until `close`. With None, data is in memory only.
        create: whether to create the data directory and its database if they are missing.
        bucket_mode: "enhanced" creates vector buckets as AWS does today, "classic" as it did before
            2026-09-30.
        choices: behavior that AWS does not document.
        policies: the identity policies of every caller, or of each principal (an ARN or account
            id). A principal without policies is allowed nothing. With policies, bucket policies are
            enforced as well; without, everything is allowed.
        rates: limits for writes; None for no limits.
        principals: the principal of each access key id: the ARN of a user, role or session, an
            account id, or the name of a service. Any other key id of 12 digits is an account id.
            All other key ids are one user of account 123456789012.

    Raises:
        MissingDataError: with `create=False`, the directory has no database; nothing is created.
        DataDirectoryError: the directory cannot be used; the text says why.
        PolicyError: a stored bucket policy cannot be evaluated, but permissions are enforced.
        ValueError: a principal is not valid.
    """

    def __init__(  # noqa: PLR0913 - all but the first are keyword-only
        self,
        directory: str | Path | None = None,
        *,
        create: bool = True,
        bucket_mode: BucketMode = "enhanced",
        choices: Choices = DEFAULT,
        policies: Policies | Mapping[str, Policies] | None = None,
        rates: RateLimits | None = None,
        principals: Mapping[str, str] | None = None,
    ) -> None:
        path = None if directory is None else Path(directory)
        self._callers = {
            key: Caller.from_principal(name) for key, name in (principals or {}).items()
        }
        self._policies = None if isinstance(policies, Mapping) else policies
        self._policies_by_holder = _group_by_holder(policies)
        self._rates = rates
        self._state = State(
            path, choices, bucket_mode, create=create, enforcing=policies is not None
        )
        self._lock = threading.Lock()
        self._builder = Builder(self._state, self._lock)
        self._closed = False
        with self._lock:
            self._builder.start()
        # An engine closes when it is garbage-collected
        self._finish = weakref.finalize(self, _close_idle, self._builder, self._state.storage)
        # At exit, only an engine with a directory: an atexit function may still use one in memory
        self._finish.atexit = path is not None

    def __enter__(self) -> Engine:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_owner(self) -> None:
        """Refuse to work in a forked process.

        Raises:
            InheritedEngineError: names the process that owns the engine, and how to share the data.
        """
        self._state.storage.ownership.check()

    def close(self) -> None:
        """Unlock the data directory; further requests are refused."""
        if self._state.storage.ownership.inherited:
            return
        self._closed = True
        self._finish()

    def caller(self, access_key: str | None, region: str) -> Caller:
        """Return the caller for an access key.

        Args:
            access_key: the id of the access key; None for an unsigned request.
            region: the region of the endpoint.
        """
        caller = self._callers.get(access_key or "")
        if caller is not None:
            return replace(caller, region=region)
        if access_key is not None and _ACCOUNT.fullmatch(access_key):
            return Caller(access_key, region)
        return Caller(region=region)

    @property
    def choices(self) -> Choices:
        """Its choices where AWS's behavior is not documented."""
        return self._state.choices

    def list_regions(self, account: str) -> set[str]:
        """List the regions in which an account has vector buckets."""
        self.check_owner()
        with self._lock:
            owned = [arn.split(":") for arn in self._state.buckets]
        return {arn[3] for arn in owned if arn[4] == account}

    def list_unused(self) -> list[str] | None:
        """List what the policies grant and no request has needed; None without policies."""
        if not self._state.enforcing:
            return None
        policies = [self._policies] if self._policies else self._policies_by_holder.values()
        return [sentence for each in policies for sentence in each.list_unused()]

    def read_stamp(self, request: Request, caller: Caller) -> int:
        """Return a number that stays the same as long as an index does not change.

        Args:
            request: names the index.
            caller: whose it is.

        Raises:
            ServiceError: there is no such index.
        """
        self.check_owner()
        with self._lock:
            self._check_open()
            return self._state.find_index(request, caller).stamp

    def call(self, operation: str, request: Any, caller: Caller | None = None) -> Response:
        """Execute one operation.

        Args:
            operation: the name of the operation, for example "QueryVectors".
            request: the members of the request, as JSON types.
            caller: who sends the request.

        Returns:
            The members of the response; times are seconds since 1970, vectors are float32 arrays.

        Raises:
            ServiceError: the error that AWS returns; nothing is changed. (An interrupted request is
                executed completely or not at all.)
            InheritedEngineError: the engine belongs to the parent process.
        """
        self.check_owner()  # first: another thread may have held the lock at the fork
        if operation not in OPERATIONS:
            raise UnknownOperationException(f"The operation {operation} does not exist")
        shape = shapes.INPUTS[operation]
        constraints.check(shape, request)
        # Unknown members are ignored. null means not set, except for `filter`: a null filter must
        # be refused, not ignored
        request = {
            name: request[name]
            for name in shape.members
            if name in request and (request[name] is not None or name == "filter")
        }
        caller = caller or Caller()
        if operation in _USING_VECTORS:
            self._load_index(request, caller)
        with self._lock, _convert_read_errors():
            self._check_open()
            try:
                return self._run(operation, request, caller)
            except InternalServerException as error:
                if not error.write_refused:
                    raise
            # An emptied log is overwritten from its start, so a deletion needs no more space
            self._state.storage.empty_log()
            return self._run(operation, request, caller)

    def _load_index(self, request: Request, caller: Caller) -> None:
        """Read an index into memory, in batches between which other requests run."""
        with suppress(ValidationException, KeyError):  # the operation itself reports it
            arn = caller.resolve_index_arn(request)
            while True:
                with self._lock, _convert_read_errors():
                    self._check_open()
                    if self._state.indexes[arn].load_vectors(LOADED_AT_A_TIME):
                        return
                time.sleep(_PAUSE_SECONDS)

    def _check_open(self) -> None:
        if self._closed:
            raise InternalServerException("the engine is closed")

    def _run(self, operation: str, request: Request, caller: Caller) -> Response:
        with self._state.recover_after_failure():
            return self._authorize_and_run(operation, request, caller)

    def _authorize_and_run(self, operation: str, request: Request, caller: Caller) -> Response:
        if not self._state.enforcing:
            caller.check_account(operation, request)
        else:
            needs = find_needs(operation, request, caller, self._state.get_tags)
            bucket_policy = self._state.get_bucket_policy(needs[0].resource)
            policies = self._policies or self._policies_by_holder.get(
                caller.policy_holder, _NO_POLICIES
            )
            policies.check(needs, caller, bucket_policy)
        caller.check_region(request)
        if self._rates is not None and operation in ("PutVectors", "DeleteVectors"):
            arn = self._state.find_index(request, caller).configuration.arn
            self._rates.take(arn, len(request.get("vectors") or request["keys"]))
        response = OPERATIONS[operation](self._state, request, caller)
        if operation in _MAY_START_BUILDING:
            self._builder.start()
        return response


def _group_by_holder(
    policies: Policies | Mapping[str, Policies] | None,
) -> dict[tuple[str, str], Policies]:
    by_holder: dict[tuple[str, str], Policies] = {}
    for name, own in (policies if isinstance(policies, Mapping) else {}).items():
        holder = Caller.from_principal(name).policy_holder
        if holder in by_holder:
            raise ValueError(f'the principal "{name}" is repeated; name it once')
        by_holder[holder] = own
    return by_holder
