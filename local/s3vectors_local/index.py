"""One index: what it was created with, its vectors in memory, its rows in storage.

Rows are numbered; row i of the matrix is the vector in row i. A deleted row is used again,
an overwritten vector keeps its row: a listing goes by row number, so it neither repeats nor
loses a vector that nobody touched meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import orjson

from .choices import Choices
from .columns import Mask
from .configuration import IndexConfiguration, TextSearch
from .filters import Filter
from .limits import QUERY_PAGE
from .rows import RowSet
from .storage import Storage
from .table import StoredVector, Texts, VectorTable
from .text import Analyzer, analyzer, analyzers
from .validation import Records, Vector

OPENED_AT_A_TIME: Final = 1000
"""Vectors that are read into memory before other requests get their turn."""

_RANKINGS: Final = 8
"""Results of searches that are kept for their next pages, until the next write."""


@dataclass(frozen=True)
class Hit:
    """One result of a search; what does not belong to its kind of search is None."""

    row: int
    key: str
    distance: float | None = None
    bm25: Mapping[str, float] | None = None
    fused: float | None = None


class Index:
    """The vectors of one index. Not thread-safe: the engine holds its lock."""

    def __init__(
        self, storage: Storage, number: int, configuration: IndexConfiguration, choices: Choices
    ) -> None:
        self.configuration = configuration
        self._storage = storage
        self._choices = choices
        self._table = VectorTable(storage, number)
        self._rankings: dict[bytes, list[Hit]] = {}
        self._vectors = self._new_rows()
        # The last row that is in memory; None when all are
        self._loaded: int | None = -1

    @classmethod
    def create(cls, storage: Storage, told: IndexConfiguration, choices: Choices) -> Index:
        """Make a new index in storage."""
        with storage.transaction():
            index = cls(storage, storage.put_index(told.arn, told.record()), told, choices)
            index._table.create()
            for text in told.texts:
                index._table.create_text(text.slot, index._tokenizer(text))
        return index

    def configure(self, before: Callable[[], None] = lambda: None, **changes: Any) -> None:
        """Change attributes, in storage and then here.

        Args:
            before: what is written first, in the same transaction.
            changes: the attributes.
        """
        changed = replace(self.configuration, **changes)
        with self._storage.transaction():
            before()
            self._storage.update_index(self._table.number, changed.record())
        self.configuration = changed
        self._rankings.clear()

    def drop(self) -> None:
        """Delete the index with its vectors."""
        with self._storage.transaction():
            self._storage.delete_index(self._table.number)
            self._table.drop(self._slots())

    def open(self, count: int) -> bool:
        """Read at most `count` more vectors from storage; whether all are in memory then.

        If it fails, or is interrupted, the next time begins anew.
        """
        try:
            self._read(count)
        except BaseException:
            self._vectors, self._loaded = self._new_rows(), -1
            raise
        return self._loaded is None

    def _read(self, count: int) -> None:
        if self._loaded is None:
            return
        if self._loaded == -1:
            self._vectors.expect(self._table.row_count())
        vectors = self._table.compared(self._loaded, count)
        if vectors:
            self._vectors.load(vectors)
        if len(vectors) == count:
            self._loaded = vectors[-1][0]
        else:
            self._vectors.trim()
            self._loaded = None

    def _new_rows(self) -> RowSet:
        told = self.configuration
        return RowSet(told.dimension, told.metric, self._choices)

    @property
    def _rows(self) -> RowSet:
        """Read from storage when first needed, so that opening a directory is quick."""
        while not self.open(OPENED_AT_A_TIME):
            pass
        return self._vectors

    def put(self, records: Records) -> None:
        """Store vectors, replacing those with the same keys; the last of equal keys wins."""
        latest = list({key: at for at, key in enumerate(records.keys)}.values())
        keys = [records.keys[at] for at in latest]
        metadata = [records.metadata[at] for at in latest]
        vectors = records.vectors[latest]
        places = self._rows.places(keys)
        split = [self._split(entry) for entry in metadata]
        stored = [
            StoredVector(row, key, orjson.dumps(shown), orjson.dumps(rest), vector.tobytes())
            for row, key, (shown, rest), vector in zip(
                places, keys, split, vectors.astype("<f4", copy=False), strict=True
            )
        ]
        self._table.put(stored, self._texts(places, metadata))
        self._rankings.clear()
        self._rows.put(places, keys, vectors, [shown for shown, _ in split])

    def _split(self, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        hidden = self.configuration.hidden
        filterable = {key: value for key, value in metadata.items() if key not in hidden}
        return filterable, {key: value for key, value in metadata.items() if key in hidden}

    def _texts(
        self, rows: Sequence[int], metadata: Sequence[Mapping[str, Any]]
    ) -> dict[int, Texts]:
        """What is written to each text table; rows that it does not cover yet come later."""
        return {
            text.slot: [
                (row, text.prepared(entry.get(text.key), self._choices.analyzer))
                for row, entry in zip(rows, metadata, strict=True)
                if text.built is None or row < text.built
            ]
            for text in self.configuration.texts
        }

    def delete(self, keys: Sequence[str]) -> None:
        """Delete vectors; keys that hold none are passed over."""
        rows = [row for key in dict.fromkeys(keys) if (row := self.row(key)) is not None]
        self._table.delete(rows, self._slots())
        self._rankings.clear()
        self._rows.drop(rows)

    def row(self, key: str) -> int | None:
        """The row of a key, if it holds a vector."""
        return self._rows.row_of.get(key)

    def vector(self, row: int) -> StoredVector:
        """What a row holds, as it was put."""
        return self._table.vector(row)

    def after(self, row: int, segment: int, segments: int) -> Iterator[StoredVector]:
        """The vectors above a row that belong to a segment of the rows, by row."""
        return self._table.after(row, segment, segments)

    def ranked(self, question: bytes, search: Callable[[], list[Hit]]) -> list[Hit]:
        """The result of a search; one of several pages is kept for the next of them."""
        found = self._rankings.pop(question, None) or search()
        if len(found) > QUERY_PAGE:
            self._rankings[question] = found
            if len(self._rankings) > _RANKINGS:
                del self._rankings[next(iter(self._rankings))]
        return found

    def passing(self, condition: Filter | None) -> Mask:
        """Which rows hold a vector that passes the filter."""
        return self._rows.passing(condition)

    def search(self, query: Vector, count: int, allowed: Mask) -> list[Hit]:
        """The `count` nearest among the rows that `passing` allows, nearest first."""
        rows, distances = self._rows.nearest(query, count, allowed)
        if (self.configuration.metric, self._choices.euclidean) == ("euclidean", "squared"):
            distances = np.minimum(distances.astype(np.float64) ** 2, np.finfo(np.float32).max)
        keys = self._rows.keys
        found = zip(rows.tolist(), distances.tolist(), strict=True)
        return [Hit(row, keys[row], distance) for row, distance in found]

    def search_text(
        self, text: TextSearch, question: str, count: int, allowed: bytes | None
    ) -> list[tuple[int, float]]:
        """The (row, BM25 score) that best match a question, best first.

        Among the rows that `passing` allows, one byte each, or, for None, among all; a
        `count` of -1 stands for all that match at all.
        """
        phrases = self._analyzer(text.language).phrases(question)
        return self._table.search_text(text.slot, phrases, count, allowed)

    def key(self, row: int) -> str:
        """The key of the vector in a row."""
        return self._rows.keys[row]

    def add_texts(self, added: Sequence[TextSearch]) -> None:
        """Make metadata keys full-text searchable; `build` fills their tables."""

        def create() -> None:
            for text in added:
                self._table.create_text(text.slot, self._tokenizer(text))

        self.configure(create, texts=(*self.configuration.texts, *added))

    def remove_texts(self, keys: frozenset[str]) -> None:
        """Take the full text of metadata keys away."""
        texts = self.configuration.texts

        def drop() -> None:
            for text in texts:
                if text.key in keys:
                    self._table.drop_text(text.slot)

        self.configure(drop, texts=tuple(text for text in texts if text.key not in keys))

    def renew_texts(self) -> None:
        """Start anew with the texts that other analyzers took apart."""
        texts = self.configuration.texts
        current = analyzers(self._choices.analyzer)
        old = [text for text in texts if text.analyzers != current]
        if not old:
            return

        def renew() -> None:
            for text in old:
                self._table.drop_text(text.slot)
                self._table.create_text(text.slot, self._tokenizer(text))

        renewed = {text: replace(text, built=0, analyzers=current) for text in old}
        self.configure(renew, texts=tuple(renewed.get(text, text) for text in texts))

    def build(self, text: TextSearch, count: int) -> None:
        """Cover at most `count` more vectors with a text table that is BUILDING."""
        start, kind = text.built or 0, self._choices.analyzer
        entries: list[tuple[int, str]] = []
        covered = None
        for vector in self._table.after(start - 1):
            if len(entries) == count:
                covered = vector.row
                break
            entries.append((vector.row, text.prepared(vector.metadata.get(text.key), kind)))
        advanced = replace(text, built=covered)
        texts = tuple(advanced if old is text else old for old in self.configuration.texts)
        self.configure(lambda: self._table.put_text(text.slot, entries), texts=texts)

    def _analyzer(self, language: str | None) -> Analyzer:
        return analyzer(language, self._choices.analyzer)

    def _tokenizer(self, text: TextSearch) -> str:
        return self._analyzer(text.language).tokenizer

    def _slots(self) -> list[int]:
        return [text.slot for text in self.configuration.texts]
