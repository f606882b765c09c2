"""Stands for an index that does not exist yet, because nobody has used it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.descriptions import IndexDescription, Match
from stache_ai_s3vectors.aws.parallel import Page
from stache_ai_s3vectors.aws.vector_index import Row, VectorIndex


class EmptyIndex(VectorIndex):
    """For commands that only read: it is empty, and reading does not create it."""

    def describe(self, *, fresh: bool = False) -> IndexDescription:  # noqa: ARG002 - as its base has it
        """The description that the index will have."""
        return IndexDescription.from_dimension(self.options.dimension)

    describe_or_create = describe

    @property
    def known_description(self) -> IndexDescription:
        """The description that the index will have."""
        return self.describe()

    def list_pages(self, *, metadata: bool = True) -> Iterator[Page[Row]]:  # noqa: ARG002 - likewise
        """One empty page."""
        yield Page([], None)

    def get(self, keys: Sequence[str], *, data: bool = False) -> Iterator[Record]:  # noqa: ARG002 - likewise
        """No records."""
        return iter(())

    def query(self, *_: Any) -> tuple[list[Match], str]:
        """Nothing."""
        return [], self.describe().metric
