"""Stache vector providers that hold chunks in memory. They implement different methods."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import pytest
from stache_ai.providers import plugin_loader
from stache_ai.providers.base import VectorDBProvider

NAME: Final = "small"
"""The provider's name in Stache."""


class UnlistedProvider(VectorDBProvider):  # type: ignore[misc]  # untyped
    """A provider with the required methods and embeddings by id, like Stache's for Pinecone."""

    chunks: ClassVar[dict[Any, tuple[Any, dict[str, Any]]]] = {}
    """The vector and metadata of each chunk, by id."""

    description: ClassVar[dict[str, Any]] = {"metric": "cosine"}

    def __init__(self, settings: Any) -> None:
        del settings

    def insert(self, *args: Any, **kwargs: Any) -> list[str]:
        """Fail: the tool must not write to a source."""
        raise AssertionError(args, kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """Fail: the tool must not delete from a source."""
        raise AssertionError(args, kwargs)

    def search(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """Fail: the tool must not search a source."""
        raise AssertionError(args, kwargs)

    def get_collection_info(self, context: Any = None) -> dict[str, Any]:
        """Return the class's description."""
        del context
        return self.description

    def get_vectors_with_embeddings(
        self, ids: list[Any], namespace: str | None = None, context: Any = None
    ) -> list[dict[str, Any]]:
        """Return the existing chunks in another order, with their ids as strings."""
        del namespace, context
        rows = [(one, *self.chunks[one]) for one in reversed(ids) if one in self.chunks]
        return [{"id": str(i), "vector": vector, "metadata": dict(m)} for i, vector, m in rows]

    @property
    def max_batch_size(self) -> int:
        """A low limit, so that a few chunks take more than one call."""
        return 3


class ListedProvider(UnlistedProvider):
    """A provider that can list by filter."""

    def list_by_filter(
        self,
        filter: dict[str, Any],  # noqa: A002 - Stache's name
        fields: list[str] | None = None,
        limit: int = 1000,
        context: Any = None,
    ) -> list[dict[str, Any]]:
        """List like Stache's provider for Qdrant, where a user's metadata can hide the id."""
        del context
        assert filter == {}
        return self._list("key", fields)[:limit]

    def _list(self, name: str, fields: list[str] | None) -> list[dict[str, Any]]:
        chunks = [
            (one, {key: value for key, value in metadata.items() if not fields or key in fields})
            for one, (_, metadata) in self.chunks.items()
        ]
        return [{name: one, **metadata} for one, metadata in chunks]


class SmallProvider(ListedProvider):
    """A provider with all methods."""

    def scan_by_metadata(
        self,
        filter: dict[str, Any] | None = None,  # noqa: A002 - Stache's name
        fields: list[str] | None = None,
        namespace: str | None = None,
        context: Any = None,
    ) -> list[dict[str, Any]]:
        """Scan like Stache's provider for Qdrant."""
        del filter, namespace, context
        return self._list("id", fields)


class TextProvider(SmallProvider):
    """A provider that cannot return embeddings."""

    def get_vectors_with_embeddings(
        self, ids: list[Any], namespace: str | None = None, context: Any = None
    ) -> list[dict[str, Any]]:
        """Fail like Stache's base class."""
        raise NotImplementedError


def register_in_stache(patch: pytest.MonkeyPatch, provider: type[UnlistedProvider]) -> None:
    """Register a provider as NAME, in addition to those that are installed."""
    plugin_loader.get_available_providers(
        "vectordb"
    )  # without it, the test's provider would hide them
    patch.setitem(plugin_loader._provider_cache["vectordb"], NAME, provider)
