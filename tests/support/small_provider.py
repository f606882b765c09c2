"""Vector providers of Stache's that keep chunks in memory, with more and fewer methods."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import pytest
from stache_ai.providers import plugin_loader
from stache_ai.providers.base import VectorDBProvider

NAME: Final = "small"
"""As Stache knows it."""


class UnlistedProvider(VectorDBProvider):  # type: ignore[misc]  # untyped
    """Has only what Stache demands, and embeddings by id, as Stache's provider for Pinecone."""

    chunks: ClassVar[dict[Any, tuple[Any, dict[str, Any]]]] = {}
    """Vector and metadata by id, as the database has them."""

    description: ClassVar[dict[str, Any]] = {"metric": "cosine"}

    def __init__(self, settings: Any) -> None:
        del settings

    def insert(self, *args: Any, **kwargs: Any) -> list[str]:
        """Nobody writes to a source."""
        raise AssertionError(args, kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """Nobody deletes from a source."""
        raise AssertionError(args, kwargs)

    def search(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """Nobody searches a source."""
        raise AssertionError(args, kwargs)

    def get_collection_info(self, context: Any = None) -> dict[str, Any]:
        """What the class says."""
        del context
        return self.description

    def get_vectors_with_embeddings(
        self, ids: list[Any], namespace: str | None = None, context: Any = None
    ) -> list[dict[str, Any]]:
        """Those that there are, not in order, with their ids as texts."""
        del namespace, context
        rows = [(one, *self.chunks[one]) for one in reversed(ids) if one in self.chunks]
        return [{"id": str(i), "vector": vector, "metadata": dict(m)} for i, vector, m in rows]

    @property
    def max_batch_size(self) -> int:
        """So that a few chunks take more than one call."""
        return 3


class ListedProvider(UnlistedProvider):
    """Lists by filter."""

    def list_by_filter(
        self,
        filter: dict[str, Any],  # noqa: A002 - Stache's name
        fields: list[str] | None = None,
        limit: int = 1000,
        context: Any = None,
    ) -> list[dict[str, Any]]:
        """As Stache's provider for Qdrant does: a key of the user's hides the id."""
        del context
        assert filter == {}
        return self._list("key", fields)[:limit]

    def _list(self, name: str, fields: list[str] | None) -> list[dict[str, Any]]:
        chosen = [
            (one, {key: value for key, value in metadata.items() if not fields or key in fields})
            for one, (_, metadata) in self.chunks.items()
        ]
        return [{name: one, **metadata} for one, metadata in chosen]


class SmallProvider(ListedProvider):
    """Has all of Stache's methods."""

    def scan_by_metadata(
        self,
        filter: dict[str, Any] | None = None,  # noqa: A002 - Stache's name
        fields: list[str] | None = None,
        namespace: str | None = None,
        context: Any = None,
    ) -> list[dict[str, Any]]:
        """As Stache's provider for Qdrant does."""
        del filter, namespace, context
        return self._list("id", fields)


class TextProvider(SmallProvider):
    """Cannot give embeddings."""

    def get_vectors_with_embeddings(
        self, ids: list[Any], namespace: str | None = None, context: Any = None
    ) -> list[dict[str, Any]]:
        """As Stache's base class."""
        raise NotImplementedError


def register_in_stache(patch: pytest.MonkeyPatch, provider: type[UnlistedProvider]) -> None:
    """Let Stache find a provider as NAME, beside those that are installed."""
    plugin_loader.get_available_providers("vectordb")  # what is registered first hides them
    patch.setitem(plugin_loader._provider_cache["vectordb"], NAME, provider)
