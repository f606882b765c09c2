"""What all parts of the provider stand on: its settings, its index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .. import dimensions
from ..answers import Description
from ..errors import DocumentIndexError, InvalidInputError
from ..settings import resolve, resolve_document_index_path
from ..vector_index import VectorIndex

if TYPE_CHECKING:
    from stache_ai.config import Settings

    from ..document_index.ingests import Vectors

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

_SQLITE: Final = "sqlite"
"""The name of our document index among Stache's."""


def _find_ingests(settings: Settings) -> Path | None:
    """The file of the document index; None when Stache uses another one."""
    name = getattr(settings, "document_index_provider", None)
    return resolve_document_index_path(settings) if name == _SQLITE else None


class Base:
    """One index, by Stache's settings; the arguments are those of `S3VectorsProvider`."""

    def __init__(self, settings: Settings, index_name: str | None = None) -> None:
        self.settings = settings
        self._options = resolve(settings, index_name)
        self.bucket_name = self._options.bucket
        self.index_name = self._options.index
        self.dimensions = self._options.dimension
        self._vector_index = VectorIndex(self._options)
        self._ingests = _find_ingests(settings)
        self._settled = self._ingests is None

    @property
    def _index(self) -> VectorIndex:
        """The index, once what killed processes left of their ingests is settled."""
        if not self._settled and self._ingests is not None:
            self._settled = True  # settling uses the index
            from ..document_index import ingests  # noqa: PLC0415 - Lambda needs no SQLite

            try:
                ingests.settle(self._ingests, self.index_name, cast("Vectors", self))
            except DocumentIndexError as error:  # what is stored can be found all the same
                _LOG.warning("%s", error)
            except BaseException:
                self._settled = False
                raise
        return self._vector_index

    def _announce(
        self, ids: Sequence[str], metadatas: Sequence[dict[str, Any]], namespace: str | None
    ) -> None:
        """Note, in the document index on SQLite, a document whose vectors come next."""
        if self._ingests is not None:
            from ..document_index import ingests  # noqa: PLC0415 - Lambda needs no SQLite

            ingests.announce(self._ingests, self.index_name, ids, metadatas, namespace)

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
