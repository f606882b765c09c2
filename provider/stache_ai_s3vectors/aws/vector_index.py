"""One index of a vector bucket: put, get, query, list, delete, in AWS's words.

Batches, pages, pace and parallel calls live here and nowhere else: callers hand over any
number of vectors and read any number of results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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

from .batches import Batch, Record, encode_batches
from .bodies import PLACEHOLDER, encode_json, leave_vectors_unread, send_body
from .client import describe_endpoint, translate_errors
from .connections import Connection, end_connection, get_connection
from .deadlines import check_not_cancelled
from .descriptions import ENHANCED, TEXT_SEARCH_ACTIVE, IndexDescription, Match
from .index_state import IndexState
from .outcomes import Outcomes
from .parallel import CallCounter, Page, call_in_parallel, fetch_pages, split_batches
from .provision import advise_creation, create_missing

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

    from stache_ai_s3vectors.settings import Options

Progress: TypeAlias = Callable[[int], object]
"""Called with the number of vectors that were just dealt with, in the caller's thread."""

Row: TypeAlias = tuple[str, dict[str, Any]]
"""A vector's key and metadata."""

PUTS_AT_A_TIME: Final = 4
"""PutVectors requests under way: enough for the service's rate at 200 ms of latency."""

REFRESH_SECONDS: Final = 1.0
"""Seconds after which an index whose text search is BUILDING is described again."""

REFRESH_SECONDS_WITHOUT: Final = 300.0
"""The same for an index without text search: somebody may add it."""

RANKINGS: Final = 3
"""How often a search asks for its pages when writes move the ranking under it."""


class VectorIndex:
    """An index that exists, or is made on first use when the options say so.

    No call is made before one is needed; the first is always GetIndex, once per index and
    process. Every method raises what `errors.py` lists. Threads may share it.

    Args:
        options: which index, and where.
        create: whether to make it when it is missing; by default, what the options say.
    """

    def __init__(self, options: Options, *, create: bool | None = None) -> None:
        self.options = options
        self.name = f"{options.bucket_name}/{options.index_name}"
        self._creates = options.create_index if create is None else create
        self._held: Connection | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None}  # a connection is its process's, and no copy's

    @property
    def client(self) -> S3VectorsClient:
        """The boto3 client; another after a fork, and after its credentials were refused."""
        return self._connection.client

    @property
    def _connection(self) -> Connection:
        held = self._held
        if held is None or not held.usable:
            held = self._held = get_connection(self.options)
        return held

    @property
    def _bucket(self) -> str:
        return self.options.bucket_arn or self.options.bucket_name

    @property
    def _state(self) -> IndexState:
        rate = None if self.options.local else self.options.write_rate
        return self._connection.get_index_state((self._bucket, self.options.index_name), rate)

    @property
    def _parameters(self) -> dict[str, Any]:
        return self.options.index_parameters

    @contextmanager
    def _use_client(self, operation: str) -> Iterator[S3VectorsClient]:
        """The client for one call, whose errors become ours."""
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
            self._state.description = None  # it may not be what it was: ask at the next need
            raise
        except S3VectorsError as error:
            denied = isinstance(error, AccessDeniedError) and held.credentials_changed
            if (error.about_credentials or denied) and not options.local:
                end_connection(held)  # the user may renew the credentials; boto3 would not look
            raise

    def describe(self, *, fresh: bool = False) -> IndexDescription:
        """The index's attributes, asked for once; makes the index if it may.

        Threads that need them while one asks share its answer, or its error.

        Args:
            fresh: ask again.

        Raises:
            NotFoundError: there is no such bucket or index, and how to make one.
        """
        state = self._state
        known = state.description
        if known is not None and not fresh:
            return known
        return state.flight.run(lambda: self._fetch_description(state), self.options.retry_seconds)

    @property
    def would_create(self) -> bool:
        """Whether describing it may make it, as far as is known."""
        return self._creates and self._state.description is None

    def find_description(self) -> IndexDescription | None:
        """The index's attributes, as far as nobody has to make the index to have them.

        None when it does not exist and would be made on first use.
        """
        state = self._state
        if state.description is not None or not self._creates:
            return self.describe()
        try:
            return self._store_description(state, self._get_index())
        except NotFoundError:
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
            return self.describe(fresh=True)
        except UnavailableError:  # a search by vector is still possible
            return description

    def _get_or_create(self) -> IndexDescription:
        try:
            return self._get_index()
        except NotFoundError:
            if not self._creates:
                raise
        create_missing(self.client, self.options)
        return self._get_index()

    def _get_index(self) -> IndexDescription:
        with self._use_client("GetIndex") as client:
            return IndexDescription.from_answer(client.get_index(**self._parameters)["index"])

    def put(
        self,
        records: Sequence[Record],
        progress: Progress | None = None,
        under_way: CallCounter | None = None,
        part_of: Outcomes | None = None,
    ) -> None:
        """Store records in the index, which exists, replacing those with the same keys.

        After a failure no further request is sent.

        Args:
            under_way: counts the requests; after an interruption some may still be under way.
            part_of: the call that this is part of, which says what became of it.

        Raises:
            PartialWriteError: a batch failed after others were stored.
        """
        under_way = CallCounter() if under_way is None else under_way
        outcomes = Outcomes("stored", [record.key for record in records], progress)

        def put(batch: Batch) -> None:
            with under_way:
                self._put(batch)
            (part_of or outcomes).confirm(batch.keys)

        calls = call_in_parallel(
            put,
            encode_batches(self._parameters, records),
            PUTS_AT_A_TIME,
            before=lambda batch: self._wait_for_pace(len(batch.keys)),
            stop=lambda: outcomes.failed,
        )
        with closing(calls), outcomes.log_interruption(self.name, unless=part_of):
            for batch, call in calls:
                outcomes.add(batch.keys, call)
        outcomes.check()

    def _put(self, batch: Batch) -> None:
        with self._use_client("PutVectors") as client, send_body(batch.body):
            client.put_vectors(
                **self._parameters,
                vectors=[{"key": batch.keys[0], "data": {"float32": PLACEHOLDER}}],
            )

    def _wait_for_pace(self, vectors: int) -> None:
        """Keep the pace, in the caller's thread: whoever interrupts it has not sent anything."""
        if self._state.pace is not None:
            self._state.pace.wait(vectors)

    def get(self, keys: Sequence[str], *, data: bool = False) -> Iterator[Record]:
        """The vectors that exist, in the order of the keys, their numbers unread.

        Args:
            data: with their numbers; else they are empty.
        """
        self.describe()
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
        """The nearest vectors that pass the filter, each once, best first; the distance metric.

        Pages are of the ranking as it is when they are asked for. While somebody writes, one may
        repeat vectors of another, and others are on none: then all pages are asked for again.

        Args:
            description: of the index.
            condition: the filter; None for all vectors.
            texts: for each metadata key with text search, what to look for: hybrid search.
        """
        request = self._build_query(description, top_k, condition, texts)
        json = orjson.Fragment(encode_vector(vector))
        by_key: dict[str, Match] = {}
        for _ in range(RANKINGS):
            matches, metric = self._fetch_ranking(request, json)
            latest = {match.key: match for match in matches}
            by_key |= latest
            if len(latest) == len(matches) or len(by_key) >= top_k:
                break
        return sorted(by_key.values(), key=Match.rank)[:top_k], metric

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
            matches += map(Match.from_answer, response["vectors"])
            if not response.get("nextToken"):
                return matches, response["distanceMetric"]
            token = {"nextToken": response["nextToken"]}

    def list_pages(self, *, metadata: bool = True) -> Iterator[Page[Row]]:
        """Every vector's key and metadata, in pages and in no order.

        An index of one page takes one call; a larger one is read in segments, several at a
        time. Each page names its segment, and the last of a segment has no token.
        """
        for page in self._fetch_pages({"returnMetadata": metadata}):
            rows = [(vector["key"], vector.get("metadata", {})) for vector in page.rows]
            yield Page(rows, page.token, page.segment)

    def list_records(self) -> Iterator[Record]:
        """Every vector with its metadata, in no order, its numbers unread."""
        for page in self._fetch_pages({"returnData": True, "returnMetadata": True}):
            yield from map(_to_record, page.rows)

    def _fetch_pages(self, contents: dict[str, bool]) -> Iterator[Page[Any]]:
        self.describe()
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
        """Whether it holds nothing."""
        first = next(self.list_pages(metadata=False))
        return not first.rows and first.token is None

    def delete(
        self,
        keys: Sequence[str],
        progress: Progress | None = None,
        part_of: Outcomes | None = None,
    ) -> None:
        """Delete vectors; keys that hold none are passed over.

        A batch that fails does not keep the others from being tried.

        Args:
            part_of: the call that this is part of, which says what became of it.

        Raises:
            PartialWriteError: some batches failed, others are deleted.
        """
        self.describe()
        outcomes = Outcomes("deleted", keys, progress)

        def delete(batch: Sequence[str]) -> None:
            self._delete(batch)
            (part_of or outcomes).confirm(batch)

        calls = call_in_parallel(
            delete,
            split_batches(keys, limits.DELETE_BATCH),
            before=lambda batch: self._wait_for_pace(len(batch)),
            stop=lambda: outcomes.hopeless,
        )
        with closing(calls), outcomes.log_interruption(self.name, unless=part_of):
            for batch, call in calls:
                outcomes.add(batch, call)
        outcomes.check()

    def _delete(self, keys: Sequence[str]) -> None:
        with self._use_client("DeleteVectors") as client:
            client.delete_vectors(**self._parameters, keys=keys)


def _to_record(vector: Any) -> Record:
    return Record(
        vector["key"], vector.get("data", {}).get("float32", []), vector.get("metadata", {})
    )
