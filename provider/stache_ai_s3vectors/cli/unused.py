"""An index that does not exist yet, because nobody has used it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stache_ai_s3vectors.answers import ENHANCED, Description
from stache_ai_s3vectors.batches import Record
from stache_ai_s3vectors.keys import NON_FILTERABLE
from stache_ai_s3vectors.parallel import Page
from stache_ai_s3vectors.settings import Options
from stache_ai_s3vectors.vector_index import Row, VectorIndex


def planned(options: Options, metric: str) -> Description:
    """What the index will be that the first use makes."""
    keys = frozenset(NON_FILTERABLE)
    return Description("", options.dimension, metric, keys, ENHANCED, {})


class UnusedIndex(VectorIndex):
    """For commands that read: it is empty, and reading does not make it."""

    def describe(self, *, fresh: bool = False) -> Description:  # noqa: ARG002 - as its base has it
        """What it will be."""
        return planned(self.options, "cosine")

    def pages(self, *, metadata: bool = True) -> Iterator[Page[Row]]:  # noqa: ARG002 - likewise
        """One, with nothing on it."""
        yield Page([], None)

    def get(self, keys: Sequence[str], *, data: bool = False) -> Iterator[Record]:  # noqa: ARG002
        """Nothing."""
        return iter(())
