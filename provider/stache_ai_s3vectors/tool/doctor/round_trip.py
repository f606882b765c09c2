"""One vector in, found, and out again, through the provider as Stache uses it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import FILTERED

from .findings import Finding, failed, ok, skipped, wrong
from .indexes import Look

if TYPE_CHECKING:
    from stache_ai_s3vectors.provider import S3VectorsProvider
    from stache_ai_s3vectors.settings import Settings

_LOG = logging.getLogger(__name__)

_NESTED: Final[dict[str, Any]] = {"nested": {"a": 1}}
"""Metadata that travels in `_overflow`."""

_TEXT: Final = "stache-s3vectors doctor wrote this and will remove it"


def examine(look: Look, settings: Settings, *, allowed: bool) -> Iterator[Finding]:
    """Insert, search, read, delete; says so when the vector could not be removed.

    Args:
        allowed: whether the vector could be found and deleted again.
    """
    check, told = f"round trip in {look.name}", look.told
    if not allowed:
        text = "not tried, nor PutVectors with it: what it needs is not allowed, or fails"
        yield skipped(check, text)
    elif told is not None and told.non_filterable.intersection(FILTERED):
        yield skipped(check, "not tried: no search can work in this index")
    elif told is not None and told.dimension == look.index.options.dimension:
        # It imports Stache, which reads its settings then
        from stache_ai_s3vectors.provider import S3VectorsProvider  # noqa: PLC0415

        provider = S3VectorsProvider(settings, look.name)
        yield _Trip(look, check, provider, _NESTED).made()


@dataclass
class _Trip:
    look: Look
    check: str
    provider: S3VectorsProvider
    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        self.key = f"stache-s3vectors-doctor-{uuid.uuid4()}"
        self.vector = [1.0] + [0.0] * (self.look.index.options.dimension - 1)

    def made(self) -> Finding:
        """What came of it; the vector is deleted whatever happens."""
        try:
            finding = self._tried()
        except BaseException:  # Ctrl-C, most likely
            left = self._removed()
            if left is not None:
                _LOG.warning("%s", left.text)
            raise
        return self._removed() or finding

    def _tried(self) -> Finding:
        try:
            self.provider.insert(
                [self.vector], [_TEXT], [self.metadata], [self.key], namespace=self.key
            )
            found: list[Any] = self.provider.search(self.vector, top_k=1, namespace=self.key)
            read: list[Any] = self.provider.get_by_ids([self.key])
        except S3VectorsError as error:
            return failed(self.check, error)
        problem = ""
        if [result["id"] for result in found] != [self.key]:
            problem = f"the vector just inserted is not found in its namespace, but {found!r:.80}"
        elif not read or not {"text": _TEXT, **self.metadata}.items() <= read[0].items():
            problem = f"the vector just inserted reads back as {read!r:.80}"
        if problem:
            fix = "check that the endpoint is S3 Vectors, or a faithful engine"
            return wrong(self.check, problem, fix)
        return ok(self.check, "inserted, found, read, deleted")

    def _removed(self) -> Finding | None:
        """Delete the vector; None when it is gone."""
        try:
            self.provider.delete([self.key])
            if not self.provider.get_by_ids([self.key]):
                return None
            problem = "it is there after it was deleted"
        except S3VectorsError as error:
            problem = str(error)
        purge = self.look.command(f"purge --index {self.look.name} --namespace {self.key} --yes")
        text = f"the vector {self.key} may be left in {self.look.name}: {problem}"
        return wrong(self.check, text, f"when that is mended: {purge}")
