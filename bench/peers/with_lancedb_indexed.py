"""lancedb with the indexes that it has: approximate over vectors, exact over what is filtered."""

from __future__ import annotations

from typing import Any, Final

import with_lancedb
from lancedb.index import Bitmap, HnswSq

ROUNDS: Final = with_lancedb.ROUNDS
OPENINGS: Final = with_lancedb.OPENINGS
CANNOT: Final[Any] = {}


class Peer(with_lancedb.Peer):
    """A table on disk, with indexes."""

    def finish(self) -> None:
        """Index, and compact."""
        self.table.create_index("vector", config=HnswSq(distance_type="cosine"))
        for column in ("status", "_type", "namespace", "half"):
            self.table.create_index(column, config=Bitmap())
        super().finish()
