"""What all parts of the provider stand on: its settings, its index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .. import dimensions
from ..answers import Description
from ..errors import InvalidInputError
from ..settings import resolve
from ..vector_index import VectorIndex

if TYPE_CHECKING:
    from stache_ai.config import Settings

T = TypeVar("T")


class Base:
    """One index, by Stache's settings; the arguments are those of `S3VectorsProvider`."""

    def __init__(self, settings: Settings, index_name: str | None = None) -> None:
        self.settings = settings
        self._options = resolve(settings, index_name)
        self.bucket_name = self._options.bucket
        self.index_name = self._options.index
        self.dimensions = self._options.dimension
        self._index = VectorIndex(self._options)

    def _with_description(
        self,
        given: int,
        work: Callable[[Description], T],
        check: Callable[[Description], object],
    ) -> T:
        """Do what needs the index's attributes, once they are known to fit.

        What an index that was known would refuse, another of the same name may take: before such
        an error, it is asked again.

        Args:
            given: dimensions of the vectors that the caller handed over.
            work: what to do; it sends nothing before it refuses its input.
            check: refuses input that an index cannot take, and sends nothing.

        Raises:
            ConfigurationError: vectors, settings and index have not the same dimensions.
        """
        known = dimensions.fitting(self._index, given, check)
        try:
            return work(known)
        except InvalidInputError as error:
            if not error.about_index:
                raise
            now = self._index.describe(fresh=True)
            if now == known:
                raise
            return work(now)

    def _without_default(self, context: Any) -> bool:
        """Whether an empty namespace is what Stache makes of a default that was set to nothing.

        With DEFAULT_NAMESPACE= in its environment, Stache's pipeline passes "" where it otherwise
        passes None. Only what comes from Stache has a context.
        """
        return context is not None and getattr(self.settings, "default_namespace", None) == ""
