"""lancedb without an index over vectors: exact, read from disk by each query."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import lancedb
import pyarrow as pa
from lancedb.index import FTS, Bitmap, HnswSq
from lancedb.rerankers import RRFReranker

import peer

_PRESENT: Final = "status = 'active' AND _type = 'chunk' AND "
FILTERS: Final = {
    "all": None,
    "1 %": f"{_PRESENT} namespace = 'books/7'",
    "50 %": f"{_PRESENT} half = 1",
}


class Peer(peer.Peer):
    """A table on disk."""

    def __init__(self, directory: str) -> None:
        self.database = lancedb.connect(directory)
        self.table: Any = None
        if "documents" in self.database.table_names():
            self.table = self.database.open_table("documents")

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch."""
        columns = pa.Table.from_pylist(metadata)
        flat = pa.array(vectors.reshape(-1), pa.float32())
        columns = columns.append_column("key", pa.array(keys))
        columns = columns.append_column(
            "vector", pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        )
        if self.table is None:
            self.table = self.database.create_table("documents", columns)
        else:
            self.table.add(columns)

    def finish(self) -> None:
        """Compact what many small writes left, as its documentation asks for."""
        self.table.optimize(cleanup_older_than=timedelta(0))

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        search = self.table.search(vector).distance_type("cosine").select(["key"]).limit(top)
        if FILTERS[kind]:
            search = search.where(FILTERS[kind], prefilter=True)
        return [row["key"] for row in search.to_list()]

    def index_text(self) -> None:
        """Index what is stored; it returns when that is done."""
        self.table.create_index("text", config=FTS())

    def query_hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """The keys of the best by nearness and words, fused by reciprocal rank."""
        search = self.table.search(query_type="hybrid").vector(vector).text(text)
        rows = search.distance_type("cosine").select(["key"]).limit(top).rerank(RRFReranker())
        return [row["key"] for row in rows.to_list()]


class Indexed(Peer):
    """With the indexes that it has: approximate over vectors, exact over what is filtered."""

    def finish(self) -> None:
        """Index, and compact."""
        self.table.create_index("vector", config=HnswSq(distance_type="cosine"))
        for column in ("status", "_type", "namespace", "half"):
            self.table.create_index(column, config=Bitmap())
        super().finish()
