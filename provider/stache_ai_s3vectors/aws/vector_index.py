"""One index of a vector bucket: put, get, query, list, delete, in AWS's terms.

Batches, pages, pace and parallel calls are handled here only: callers pass any number of vectors
and read any number of results.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.vectors import Numbers, encode_vector
from stache_ai_s3vectors.errors import (
    AccessDeniedError,
    NotFoundError,
    RejectedError,
    S3VectorsError,
    UnavailableError,
)
from stache_ai_s3vectors.service import limits

from .advice import advise_creation, describe_endpoint
from .batches import Batch, Record, encode_batches, split_batches
from .bodies import PLACEHOLDER, encode_json, leave_vectors_unread, send_body
from .client import translate_errors
from .connections import Connection, end_connection, get_connection
from .deadlines import check_not_cancelled
from .descriptions import ENHANCED, TEXT_SEARCH_ACTIVE, IndexDescription, Match
from .index_state import IndexState
from .outcomes import Outcomes
from .parallel import Page, call_in_parallel, fetch_pages
from .provision import create_missing

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

    from stache_ai_s3vectors.settings import Options

Progress: TypeAlias = Callable[[int], object]
"""Called with the number of vectors that were just processed, in the caller's thread."""

Row: TypeAlias = tuple[str, dict[str, Any]]
"""A vector's key and metadata."""

PUTS_AT_A_TIME: Final = 4
"""PutVectors requests in flight: enough for the service's rate at 200 ms of latency."""

REFRESH_SECONDS: Final = 1.0
"""Seconds after which an index whose text search is BUILDING is described again."""

REFRESH_SECONDS_WITHOUT: Final = 300.0
"""Seconds after which an index without text search is described again: it may have been added."""

MAX_FETCHES: Final = 3
"""The most times that a search fetches its pages when writes change the ranking meanwhile."""


class VectorIndex:
    """An index that exists, or is created on first use if the options allow it.

    No call is made before one is needed. `describe` and `describe_or_create` call GetIndex once
    per index and process; `put` and `query` need an index that was described before. Every method
    raises the errors of `errors.py`. Threads may share an instance.

    Args:
        options: the index and its endpoint.
        create: whether to create the index, with the bucket and the engine of a `local:` endpoint,
            when it is missing; by default, as in the options.
    """

    def __init__(self, options: Options, *, create: bool | None = None) -> None:
        self.options = options
        self.name = f"{options.bucket_name}/{options.index_name}"
        self.creates = options.create_index if create is None else create
        self._parameters = options.index_parameters
        self._held: tuple[Connection, IndexState] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_held": None,
        }  # a copy in another process needs its own connection

    @property
    def client(self) -> S3VectorsClient:
        """The boto3 client; another after a fork, and after its credentials were refused."""
        return self._connection.client

    @property
    def _connection(self) -> Connection:
        return self._hold()[0]

    @property
    def _state(self) -> IndexState:
        return self._hold()[1]

    def _hold(self, *, create: bool = True) -> tuple[Connection, IndexState]:
        """The connection, and what it knows of this index.

        Args:
            create: whether to create the engine of a `local:` endpoint if it is missing and the
                options allow it.
        """
        held, options = self._held, self.options
        if held is None or not held[0].usable:
            connection = get_connection(options, create=create and self.creates)
            name = (options.bucket_arn or options.bucket_name, options.index_name)
            rate = None if options.local else options.write_rate
            held = self._held = connection, connection.get_index_state(name, rate)
        return held

    @contextmanager
    def _use_client(self, operation: str) -> Iterator[S3VectorsClient]:
        """The client for one call, whose errors are translated to ours."""
        check_not_cancelled()
        held, options = self._connection, self.options
        try:
            with translate_errors(
                lambda: (
                    f"{operation} on index {self.name} {describe_endpoint(held.client, options)}"
                ),
                advice=lambda: advise_creation(held.client, options),
            ):
                yield held.client
        except (NotFoundError, RejectedError):
            self._state.description = (
                None  # it may be outdated: describe the index again on the next use
            )
            raise
        except S3VectorsError as error:
            denied = isinstance(error, AccessDeniedError) and held.credentials_changed
            if (error.about_credentials or denied) and not options.local:
                end_connection(held)  # the user may renew the credentials, which boto3 caches
            raise

    def describe(self, *, fresh: bool = False) -> IndexDescription:
        """Describe the index, once per process, without creating it.

        Args:
            fresh: call GetIndex again.

        Raises:
            NotFoundError: there is no such bucket or index, or no engine in the directory of a
                `local:` endpoint; the message says how to create it.
        """
        _, state = self._hold(create=False)
        if state.description is not None and not fresh:
            return state.description
        return self._store_description(state, self._get_index())

    def describe_or_create(self, *, fresh: bool = False) -> IndexDescription:
        """Describe the index, once per process; creates the index if it may.

        Threads that call this at the same time share one call's result, or its error.

        Args:
            fresh: call GetIndex again.

        Raises:
            NotFoundError: as for `describe`, if the options do not allow creating the index.
        """
        state = self._state
        known = state.description
        if known is not None and not fresh:
            return known
        return state.flight.run(lambda: self._fetch_description(state), self.options.retry_seconds)

    @property
    def known_description(self) -> IndexDescription | None:
        """The description; None before this process has asked for it."""
        try:
            return self._hold(create=False)[1].description
        except NotFoundError:  # there is no engine yet
            return None

    def describe_existing(self) -> IndexDescription | None:
        """Describe the index without creating it; None if it would be created on first use."""
        try:
            return self.describe()
        except NotFoundError:
            if not self.creates:
                raise
            return None

    def _fetch_description(self, state: IndexState) -> IndexDescription:
        return self._store_description(state, self._get_or_create())

    def _store_description(
        self, state: IndexState, description: IndexDescription
    ) -> IndexDescription:
        state.description, state.described_at = description, time.monotonic()
        return description

    def refresh(self, description: IndexDescription) -> IndexDescription:
        """The description, asked for again now and then while a text search is not ACTIVE."""
        statuses = [description.text_searches.get(key) for key in self.options.text_keys]
        pauses = [
            REFRESH_SECONDS if status else REFRESH_SECONDS_WITHOUT
            for status in statuses
            if status != TEXT_SEARCH_ACTIVE
        ]
        state = self._state
        if not pauses or time.monotonic() - state.described_at < min(pauses):
            return description
        state.described_at = time.monotonic()  # other threads go on with the old description
        try:
            return self.describe_or_create(fresh=True)
        except UnavailableError:  # a search by vector is still possible
            return description

    def _get_or_create(self) -> IndexDescription:
        try:
            return self._get_index()
        except NotFoundError:
            if not self.creates:
                raise
        create_missing(self.client, self.options)
        return self._get_index()

    def _get_index(self) -> IndexDescription:
        with self._use_client("GetIndex") as client:
            return IndexDescription.from_response(client.get_index(**self._parameters)["index"])

    def put(
        self,
        records: Sequence[Record],
        progress: Progress | None = None,
        under_way: set[Future[Any]] | None = None,
        part_of: Outcomes | None = None,
    ) -> None:
        """Store records, replacing those with the same keys. The index must have been described.

        After a failure no further request is sent.

        Args:
            under_way: as in `call_in_parallel`.
            part_of: the outcomes of the call that contains this one, and reports them.

        Raises:
            PartialWriteError: a batch failed after others were stored.
        """
        outcomes = Outcomes("stored", [record.key for record in records], progress)

        def put(batch: Batch) -> None:
            self._put(batch)
            (part_of or outcomes).confirm(batch.keys)

        calls = call_in_parallel(
            put,
            encode_batches(self._parameters, records),
            PUTS_AT_A_TIME,
            before=lambda batch: self._may_write(len(batch.keys), stopped=outcomes.failed),
            under_way=under_way,
        )
        with outcomes.conclude(self.name, part_of), closing(calls):
            for batch, call in calls:
                outcomes.add_call(batch.keys, call)

    def _put(self, batch: Batch) -> None:
        with self._use_client("PutVectors") as client, send_body(batch.body):
            client.put_vectors(
                **self._parameters,
                vectors=[{"key": batch.keys[0], "data": {"float32": PLACEHOLDER}}],
            )

    def _may_write(self, vectors: int, *, stopped: bool) -> bool:
        """Whether to send another write request.

        It waits for the pace, in the caller's thread, where an interruption sends nothing.
        """
        if not stopped and self._state.pace is not None:
            self._state.pace.wait(vectors)
        return not stopped

    def get(self, keys: Sequence[str], *, data: bool = False) -> Iterator[Record]:
        """Get the vectors that exist, in the order of the keys, their numbers unread.

        Args:
            data: whether to get their numbers, which are empty otherwise.
        """
        self.describe_or_create()
        batches = split_batches(list(dict.fromkeys(keys)), limits.GET_BATCH)
        with closing(call_in_parallel(lambda batch: self._get(batch, data=data), batches)) as calls:
            for _, call in calls:
                yield from call.result()

    def _get(self, keys: Sequence[str], *, data: bool) -> list[Record]:
        with self._use_client("GetVectors") as client, leave_vectors_unread(when=data):
            response = client.get_vectors(
                **self._parameters, keys=keys, returnData=data, returnMetadata=True
            )
        by_key = {vector["key"]: vector for vector in response["vectors"]}
        return [_to_record(by_key[key]) for key in keys if key in by_key]

    def query(
        self,
        description: IndexDescription,
        vector: Numbers,
        top_k: int,
        condition: dict[str, Any] | None,
        texts: dict[str, str] | None = None,
    ) -> tuple[list[Match], str]:
        """Find the nearest vectors that pass the filter, each once, best first; and the metric.

        A page is a part of the ranking at the time of its request. During writes, pages may
        overlap and miss vectors: then all pages are fetched again.

        Args:
            description: of the index.
            condition: the filter; None for all vectors.
            texts: the text to look for by metadata key, for hybrid search.
        """
        request = self._build_query(description, top_k, condition, texts)
        json = orjson.Fragment(encode_vector(vector))
        by_key: dict[str, Match] = {}
        for _ in range(MAX_FETCHES):
            matches, metric = self._fetch_ranking(request, json)
            latest = {match.key: match for match in matches}
            by_key |= latest
            if len(latest) == len(matches) or len(by_key) >= top_k:
                break
        return sorted(by_key.values(), key=_rank_match)[:top_k], metric

    def _build_query(
        self,
        description: IndexDescription,
        top_k: int,
        condition: dict[str, Any] | None,
        texts: dict[str, str] | None,
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            **self._parameters,
            "topK": top_k,
            "returnDistance": True,
            "returnMetadata": True,
        }
        if condition is not None:
            request["filter"] = condition
            if description.mode != ENHANCED and filters.is_for_enhanced(condition):
                request["queryMode"] = ENHANCED  # filters before the search; knows $startsWith
        if texts:
            request["queryTexts"] = [{"metadataKey": k, "text": t} for k, t in texts.items()]
            request["returnScores"] = True
        return request

    def _fetch_ranking(
        self, request: dict[str, Any], vector: orjson.Fragment
    ) -> tuple[list[Match], str]:
        """The matches on all pages of one query, and the distance metric."""
        matches: list[Match] = []
        token: dict[str, str] = {}
        while True:
            page = {**request, **token}
            body = encode_json({**page, "queryVector": {"float32": vector}})
            with self._use_client("QueryVectors") as client, send_body(body):
                response = client.query_vectors(**page, queryVector={"float32": PLACEHOLDER})
            matches += map(Match.from_response, response["vectors"])
            if not response.get("nextToken"):
                return matches, response["distanceMetric"]
            token = {"nextToken": response["nextToken"]}

    def list_pages(self, *, metadata: bool = True) -> Iterator[Page[Row]]:
        """List every vector's key and metadata, in pages and in no order.

        An index of one page needs one call; a larger one is read in segments, several at a time.
        Each page names its segment, and the last page of a segment has no token.
        """
        for page in self._fetch_pages({"returnMetadata": metadata}):
            rows = [(vector["key"], vector.get("metadata", {})) for vector in page.rows]
            yield Page(rows, page.token, page.segment)

    def list_records(self) -> Iterator[Record]:
        """List every vector with its metadata, in no order, its numbers unread."""
        for page in self._fetch_pages({"returnData": True, "returnMetadata": True}):
            yield from map(_to_record, page.rows)

    def _fetch_pages(self, contents: dict[str, bool]) -> Iterator[Page[Any]]:
        self.describe_or_create()
        first = self._list(None, None, contents)
        yield first
        if first.token is None:
            return
        seen = {vector["key"] for vector in first.rows}
        segments = fetch_pages(
            lambda number, token: self._list(number, token, contents), limits.LIST_SEGMENTS
        )
        with closing(segments):
            for page in segments:
                rows = [vector for vector in page.rows if vector["key"] not in seen]
                yield Page(rows, page.token, page.segment)

    def _list(self, segment: int | None, token: str | None, contents: dict[str, bool]) -> Page[Any]:
        request: dict[str, Any] = {**self._parameters, "maxResults": limits.LIST_PAGE, **contents}
        if segment is not None:
            request["segmentIndex"] = segment
            request["segmentCount"] = limits.LIST_SEGMENTS
        if token is not None:
            request["nextToken"] = token
        with (
            self._use_client("ListVectors") as client,
            leave_vectors_unread(when="returnData" in contents),
        ):
            response = client.list_vectors(**request)
        return Page([*response["vectors"]], response.get("nextToken") or None, segment)

    def is_empty(self) -> bool:
        """Whether it has no vectors."""
        first = next(self.list_pages(metadata=False))
        return not first.rows and first.token is None

    def delete(
        self,
        keys: Sequence[str],
        progress: Progress | None = None,
        part_of: Outcomes | None = None,
    ) -> None:
        """Delete vectors; keys without a vector are skipped.

        After a failed batch, the others are still tried.

        Args:
            part_of: the outcomes of the call that contains this one, and reports them.

        Raises:
            PartialWriteError: some batches failed, others are deleted.
        """
        self.describe_or_create()
        outcomes = Outcomes("deleted", keys, progress)

        def delete(batch: Sequence[str]) -> None:
            self._delete(batch)
            (part_of or outcomes).confirm(batch)

        calls = call_in_parallel(
            delete,
            split_batches(keys, limits.DELETE_BATCH),
            before=lambda batch: self._may_write(len(batch), stopped=outcomes.hopeless),
        )
        with outcomes.conclude(self.name, part_of), closing(calls):
            for batch, call in calls:
                outcomes.add_call(batch, call)

    def _delete(self, keys: Sequence[str]) -> None:
        with self._use_client("DeleteVectors") as client:
            client.delete_vectors(**self._parameters, keys=keys)


def _rank_match(match: Match) -> float:
    """The sort key of results, the best first."""
    if match.fused is not None:
        return -match.fused
    return math.inf if match.distance is None else match.distance


def _to_record(vector: Any) -> Record:
    return Record(
        vector["key"], vector.get("data", {}).get("float32", []), vector.get("metadata", {})
    )
