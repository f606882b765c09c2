"""START HERE. Stache's vector provider, in Stache's words.

Stache finds this class through the entry point `stache.vectordb: s3vectors` and builds
one instance for each of its indexes: documents, summaries, insights.

    reads   search, search_summaries, chunks by id
    walks   count, list, scan: the whole index, with a filter
    writes  insert, update_status, delete
    base    settings and index
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stache_ai.providers.base import VectorDBProvider

from .. import limits
from ..logs import logged
from .reads import Reads
from .walks import Walks
from .writes import Writes

if TYPE_CHECKING:
    from stache_ai.middleware.context import RequestContext


class S3VectorsProvider(Reads, Walks, Writes, VectorDBProvider):  # type: ignore[misc]  # untyped
    """Keeps Stache's vectors in one index of an Amazon S3 Vectors bucket.

    Construction reads settings and makes no call. Every method raises a subclass of
    `S3VectorsError` when it could not do what it says; none answers with an empty result
    instead. Threads may share a provider. `context` is Stache's; only `search` looks into it.
    `progress`, where there is one, is called with the number of vectors just dealt with.

    Args:
        settings: Stache's settings, or `stache_ai_s3vectors.Settings`.
        index_name: the index; the documents index when not given.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    @property
    def client(self) -> Any:
        """The boto3 `s3vectors` client."""
        return self._index.client

    @property
    def capabilities(self) -> set[str]:
        """What Stache may rely on.

        "metadata_scan" and "export" are left out, although `scan_by_metadata` works:
        Stache's CLI takes either for Qdrant's client and crashes.
        """
        return {"server_side_filtering"}

    @property
    def max_batch_size(self) -> int:
        """Vectors that Stache should hand over at a time: one PutVectors."""
        return limits.PUT_BATCH

    def get_collection_info(
        self,
        context: RequestContext | None = None,
        *,
        count: bool = False,
    ) -> dict[str, Any]:
        """What the index is now: `name`, `bucket`, `arn`, `dimension` and so on.

        Args:
            count: also count all vectors, as `count`; S3 Vectors keeps no count, so this
                lists the whole index.
        """
        with logged("get_collection_info", self._index.name):
            told = self._index.describe(fresh=True).as_dict()
            if count:
                told["count"] = sum(len(page.rows) for page in self._index.pages(metadata=False))
        return {"name": self.index_name, "bucket": self.bucket_name, **told}
