"""One index: its configuration, its vectors in memory and its tables in storage.

Each vector has a row, the same in memory and in storage. A deleted row is reused; an overwritten
vector keeps its row. ListVectors goes by row, so it neither repeats nor omits a vector that is
unchanged in the meantime.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from .choices import Choices
from .columns import Mask
from .configuration import IndexConfiguration, TextSearch
from .distance import square_distances
from .filters import Filter
from .limits import QUERY_PAGE
from .rows import RowSet
from .storage import Storage
from .table import StoredVector, Texts, VectorTable
from .text import Analyzer, describe_analyzers, get_analyzer
from .validation import Records, Vector

LOADED_AT_A_TIME: Final = 1000
"""Vectors in one batch of reading; other requests run between batches."""

_RANKINGS: Final = 8
"""Results of searches that are cached for their next pages until the next write."""


_STAMPS: Final = itertools.count()
"""Gives each state of each index a number."""


@dataclass(frozen=True)
class Hit:
    """One result of a search; members that do not apply are None."""

    row: int
    key: str
    distance: float | None = None
    bm25: Mapping[str, float] | None = None
    fused: float | None = None


class Index:
    """One index. Not thread-safe: the engine holds its lock.

    Attributes:
        stamp: a number that changes with the index and is unique in the process.
    """

    def __init__(
        self, storage: Storage, number: int, configuration: IndexConfiguration, choices: Choices
    ) -> None:
        self.configuration = configuration
        self._storage = storage
        self._choices = choices
        self._table = VectorTable(storage, number)
        self._rankings: dict[bytes, list[Hit]] = {}
        self.stamp = next(_STAMPS)
        self._vectors = self._create_rows()
        # The last row that is in memory; None if all are
        self._loaded: int | None = -1

    @classmethod
    def create(cls, storage: Storage, configuration: IndexConfiguration, choices: Choices) -> Index:
        """Create a new index in storage."""
        with storage.transaction():
            number = storage.put_index(configuration.arn, configuration.to_record())
            index = cls(storage, number, configuration, choices)
            index._table.create()
            for text_search in configuration.texts:
                index._table.create_text(text_search.slot, index._get_tokenizer(text_search))
        return index

    def configure(self, before: Callable[[], None] = lambda: None, **changes: Any) -> None:
        """Change attributes, in storage and then in memory.

        Args:
            before: writes first, in the same transaction.
            changes: the changed attributes.
        """
        changed = replace(self.configuration, **changes)
        with self._storage.transaction():
            before()
            self._storage.update_index(self._table.number, changed.to_record())
        self.configuration = changed
        self._note_change()

    def _note_change(self) -> None:
        """Drop the cached rankings and take a new stamp."""
        self._rankings.clear()
        self.stamp = next(_STAMPS)

    def drop(self) -> None:
        """Delete the index with its vectors."""
        with self._storage.transaction():
            self._storage.delete_index(self._table.number)
            self._table.drop(self._list_slots())

    def load_vectors(self, count: int) -> bool:
        """Read at most `count` more vectors into memory; return whether all are in memory.

        If it fails or is interrupted, the next call starts again.
        """
        try:
            self._load_batch(count)
        except BaseException:
            self._vectors, self._loaded = self._create_rows(), -1
            raise
        return self._loaded is None

    def _load_batch(self, count: int) -> None:
        if self._loaded is None:
            return
        if self._loaded == -1:
            self._vectors.allocate(self._table.count_rows())
        vectors = self._table.read_compared(self._loaded, count)
        if vectors:
            self._vectors.load(vectors)
        if len(vectors) == count:
            self._loaded = vectors[-1][0]
        else:
            self._vectors.trim()
            self._loaded = None

    def _create_rows(self) -> RowSet:
        configuration = self.configuration
        return RowSet(configuration.dimension, configuration.metric, self._choices)

    @property
    def _rows(self) -> RowSet:
        """Read from storage on first use, so that opening a directory is fast."""
        while not self.load_vectors(LOADED_AT_A_TIME):
            pass
        return self._vectors

    def put(self, records: Records) -> None:
        """Store vectors, replacing those with the same keys; of equal keys, the last wins."""
        latest = list({key: at for at, key in enumerate(records.keys)}.values())
        keys = [records.keys[at] for at in latest]
        metadata = [records.metadata[at] for at in latest]
        vectors = records.vectors[latest]
        rows = self._rows.choose_rows(keys)
        split = [self._split(entry) for entry in metadata]
        stored = [
            StoredVector(row, key, orjson.dumps(filterable), orjson.dumps(rest), vector.tobytes())
            for row, key, (filterable, rest), vector in zip(
                rows, keys, split, vectors.astype("<f4", copy=False), strict=True
            )
        ]
        self._table.put(stored, self._prepare_texts(rows, metadata))
        self._note_change()
        self._rows.put(rows, keys, vectors, [filterable for filterable, _ in split])

    def _split(self, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        non_filterable = self.configuration.non_filterable_set
        filterable = {key: value for key, value in metadata.items() if key not in non_filterable}
        return filterable, {key: value for key, value in metadata.items() if key in non_filterable}

    def _prepare_texts(
        self, rows: Sequence[int], metadata: Sequence[Mapping[str, Any]]
    ) -> dict[int, Texts]:
        """Return what to write to each text table; the builder adds rows not yet built."""
        return {
            text_search.slot: [
                (row, text_search.prepare(entry.get(text_search.key), self._choices.analyzer))
                for row, entry in zip(rows, metadata, strict=True)
                if text_search.built is None or row < text_search.built
            ]
            for text_search in self.configuration.texts
        }

    def delete(self, keys: Sequence[str]) -> None:
        """Delete vectors; keys without a vector are ignored."""
        rows = [row for key in dict.fromkeys(keys) if (row := self.find_row(key)) is not None]
        self._table.delete(rows, self._list_slots())
        self._note_change()
        self._rows.drop(rows)

    def find_row(self, key: str) -> int | None:
        """Return the row of a key, or None."""
        return self._rows.row_of.get(key)

    def read_vector(self, row: int) -> StoredVector:
        """Read the vector in a row."""
        return self._table.read_vector(row)

    def read_after(self, row: int, segment: int, segments: int) -> Iterator[StoredVector]:
        """Read the vectors of a segment above a row, by row."""
        return self._table.read_after(row, segment, segments)

    def rank(self, digest: bytes, search: Callable[[], list[Hit]]) -> list[Hit]:
        """Return the result of a search; a result of several pages is cached for the next page."""
        hits = self._rankings.pop(digest, None) or search()
        if len(hits) > QUERY_PAGE:
            self._rankings[digest] = hits
            if len(self._rankings) > _RANKINGS:
                del self._rankings[next(iter(self._rankings))]
        return hits

    def match(self, tree: Filter | None) -> Mask:
        """Return which rows have a vector that matches a filter."""
        return self._rows.match(tree)

    def search(self, query: Vector, count: int, allowed: Mask) -> list[Hit]:
        """Find the `count` nearest of the allowed rows (from `match`), nearest first."""
        rows, distances = self._rows.find_nearest(query, count, allowed)
        if (self.configuration.metric, self._choices.euclidean) == ("euclidean", "squared"):
            measured = square_distances(distances).tolist()
        else:
            measured = distances.tolist()
        keys = self._rows.keys
        pairs = zip(rows.tolist(), measured, strict=True)
        return [Hit(row, keys[row], distance) for row, distance in pairs]

    def search_text(
        self, text_search: TextSearch, query: str, count: int, allowed: bytes | None
    ) -> list[tuple[int, float]]:
        """Find the rows that best match a query, with their BM25 scores, best first.

        Args:
            text_search: the text search to use.
            query: the query text.
            count: the maximum number of rows; -1 for all.
            allowed: one byte per row, 1 for the rows to search; None for all.
        """
        phrases = self._get_analyzer(text_search.language).parse_phrases(query)
        return self._table.search_text(text_search.slot, phrases, count, allowed)

    def get_key(self, row: int) -> str:
        """Return the key of the vector in a row."""
        return self._rows.keys[row]

    def add_texts(self, added: Sequence[TextSearch]) -> None:
        """Add text searches; `build` fills their tables."""

        def create() -> None:
            for text_search in added:
                self._table.create_text(text_search.slot, self._get_tokenizer(text_search))

        self.configure(create, texts=(*self.configuration.texts, *added))

    def remove_texts(self, keys: frozenset[str]) -> None:
        """Remove the text searches of metadata keys."""
        texts = self.configuration.texts

        def drop() -> None:
            for text_search in texts:
                if text_search.key in keys:
                    self._table.drop_text(text_search.slot)

        self.configure(
            drop, texts=tuple(text_search for text_search in texts if text_search.key not in keys)
        )

    def renew_texts(self) -> None:
        """Rebuild the text searches that were built with other analyzers."""
        texts = self.configuration.texts
        current = describe_analyzers(self._choices.analyzer)
        old = [text_search for text_search in texts if text_search.analyzers != current]
        if not old:
            return

        def renew() -> None:
            for text_search in old:
                self._table.drop_text(text_search.slot)
                self._table.create_text(text_search.slot, self._get_tokenizer(text_search))

        renewed = {
            text_search: replace(text_search, built=0, analyzers=current) for text_search in old
        }
        self.configure(
            renew, texts=tuple(renewed.get(text_search, text_search) for text_search in texts)
        )

    def build(self, text_search: TextSearch, count: int) -> None:
        """Add at most `count` more vectors to a text table that is BUILDING."""
        start, kind = text_search.built or 0, self._choices.analyzer
        entries: list[tuple[int, str]] = []
        built = None
        for vector in self._table.read_after(start - 1):
            if len(entries) == count:
                built = vector.row
                break
            entries.append(
                (vector.row, text_search.prepare(vector.metadata.get(text_search.key), kind))
            )
        advanced = replace(text_search, built=built)
        texts = tuple(advanced if old is text_search else old for old in self.configuration.texts)
        self.configure(lambda: self._table.put_text(text_search.slot, entries), texts=texts)

    def _get_analyzer(self, language: str | None) -> Analyzer:
        return get_analyzer(language, self._choices.analyzer)

    def _get_tokenizer(self, text_search: TextSearch) -> str:
        return self._get_analyzer(text_search.language).tokenizer

    def _list_slots(self) -> list[int]:
        return [text_search.slot for text_search in self.configuration.texts]
