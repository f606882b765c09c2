"""A vector store for Stache on Amazon S3 Vectors, as a CDK construct.

    from stache_ai_s3vectors_cdk import StacheVectorStore

    store = StacheVectorStore(self, "Vectors")
    store.connect(function)

Modules: `store` (the construct), `bucket`, `index` and `key` (its parts, checked), `sharing` (the
permissions of other accounts and of grantees).
"""

from .index import VectorIndexOptions
from .store import StacheVectorStore

__all__ = ["StacheVectorStore", "VectorIndexOptions"]
