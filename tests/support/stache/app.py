"""Stache's own application for a server, with embeddings that only hash words.

With `USE_AT_IMPORT=search` or `USE_AT_IMPORT=insert` in the environment, importing this module uses
the provider. With `gunicorn --preload`, that is before the workers are forked.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from stache_ai.providers import EmbeddingProviderFactory

from word_hashing import WordHashingEmbeddings, embed

EmbeddingProviderFactory.register("word-hashing", WordHashingEmbeddings)

from stache_ai.api.main import app
from stache_ai.rag.pipeline import get_pipeline

__all__ = ["app"]


async def name_worker(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    """Add the process id to the response."""
    response = await call_next(request)
    response.headers["x-worker"] = str(os.getpid())
    return response


app.middleware("http")(name_worker)

if os.environ.get("USE_AT_IMPORT") == "search":
    get_pipeline().documents_provider.search(embed("before the fork"))
elif os.environ.get("USE_AT_IMPORT") == "insert":
    texts = ["before the fork"]
    get_pipeline().documents_provider.insert([embed(texts[0])], texts, namespace="before")
