"""The engine: one function per operation of the S3 Vectors API.

`buckets`, `indexes` and `vectors` hold the operations, `state` what they work on. An
operation takes the state, the request (the JSON members of the API) and whose request it
is, and returns the response's members. Requests come through `Engine.call`, which checks
their shape first; the two doors, `inprocess.py` and `server.py`, both end there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from s3vectors_local import constraints, shapes
from s3vectors_local.arns import Caller
from s3vectors_local.errors import (
    InternalServerException,
    NotImplementedException,
    ServiceError,
    UnknownOperationException,
)

from . import buckets, indexes, vectors
from .state import Request, Response, State

__all__ = ["OPERATIONS", "Engine"]

Operation: TypeAlias = Callable[[State, Request, Caller], Response]

OPERATIONS: Final[Mapping[str, Operation]] = {
    "CreateVectorBucket": buckets.create_vector_bucket,
    "GetVectorBucket": buckets.get_vector_bucket,
    "ListVectorBuckets": buckets.list_vector_buckets,
    "DeleteVectorBucket": buckets.delete_vector_bucket,
    "CreateIndex": indexes.create_index,
    "GetIndex": indexes.get_index,
    "ListIndexes": indexes.list_indexes,
    "DeleteIndex": indexes.delete_index,
    "PutVectors": vectors.put_vectors,
    "GetVectors": vectors.get_vectors,
    "ListVectors": vectors.list_vectors,
    "DeleteVectors": vectors.delete_vectors,
    "QueryVectors": vectors.query_vectors,
}


class Engine:
    """S3 Vectors for one process; safe to call from many threads.

    Args:
        directory: where to keep the data; made when missing, and owned until `close`.
            None keeps everything in memory.

    Raises:
        DataDirectoryError: the directory cannot be used; the text says why.
    """

    def __init__(self, directory: str | Path | None = None) -> None:
        self._state = State(None if directory is None else Path(directory))
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Give the data directory free; the engine refuses every request afterwards."""
        with self._lock:
            self._closed = True
            self._state.storage.close()

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
            ServiceError: what AWS would answer instead; nothing is changed then.
        """
        if operation in shapes.NOT_YET:
            raise NotImplementedException(f"s3vectors-local does not answer {operation} so far")
        if operation not in OPERATIONS:
            raise UnknownOperationException(f"The operation {operation} does not exist")
        constraints.check(shapes.INPUTS[operation], request)
        # null means not set; but a filter that is null must not become no filter
        request = {k: v for k, v in request.items() if v is not None or k == "filter"}
        with self._lock:
            if self._closed:
                raise InternalServerException("the engine is closed")
            try:
                return OPERATIONS[operation](self._state, request, caller or Caller())
            except ServiceError:
                raise
            except BaseException:  # Ctrl-C, for instance, between the disk and memory
                self._state.reload()
                raise
