"""What all parts of the provider stand on: its settings, its index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Description
from ..errors import ConfigurationError
from ..settings import resolve
from ..vector_index import VectorIndex

if TYPE_CHECKING:
    from stache_ai.config import Settings


class Base:
    """One index, by Stache's settings; the arguments are those of `S3VectorsProvider`."""

    def __init__(self, settings: Settings, index_name: str | None = None) -> None:
        self.settings = settings
        self._options = resolve(settings, index_name)
        self.bucket_name = self._options.bucket
        self.index_name = self._options.index
        self.dimensions = self._options.dimension
        self._index = VectorIndex(self._options)

    def _describe(self) -> Description:
        """The index's attributes, once they are known to fit the settings."""
        index = self._index.describe()
        if index.dimension != self.dimensions:
            raise ConfigurationError(
                f"index {self.bucket_name}/{self.index_name} has {index.dimension} dimensions, "
                f"Stache's settings say {self.dimensions}: set EMBEDDING_DIMENSION="
                f"{index.dimension} and an embedding model of that size, or use another index"
            )
        return index
