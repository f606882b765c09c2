"""Insert, find and delete one vector, through the provider as Stache uses it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import FILTERED

from .findings import Finding, report_error, report_ok, report_skipped, report_wrong
from .indexes import IndexProbe

if TYPE_CHECKING:
    from stache_ai_s3vectors.provider import S3VectorsProvider
    from stache_ai_s3vectors.settings import Settings

_LOG = logging.getLogger(__name__)

_NESTED: Final[dict[str, Any]] = {"nested": {"a": 1}}
"""Metadata that travels in `_overflow`."""

_TEXT: Final = "stache-s3vectors doctor wrote this and will remove it"


def check_round_trip(probe: IndexProbe, settings: Settings, *, allowed: bool) -> Iterator[Finding]:
    """Insert, search, read, delete; report a vector that could not be deleted.

    Args:
        allowed: whether searching and deleting are allowed.
    """
    check, description = f"round trip in {probe.name}", probe.description
    if not allowed:
        text = "not tried, like PutVectors: an action that it needs is denied or fails"
        yield report_skipped(check, text)
    elif description is not None and description.non_filterable.intersection(FILTERED):
        yield report_skipped(check, "not tried: no search can work in this index")
    elif description is not None and description.dimension == probe.index.options.dimension:
        # Stache reads its settings when it is imported
        from stache_ai_s3vectors.provider import S3VectorsProvider  # noqa: PLC0415 - see above

        provider = S3VectorsProvider(settings, probe.name)
        yield _Trip(probe, check, provider, _NESTED).run()


@dataclass
class _Trip:
    probe: IndexProbe
    check: str
    provider: S3VectorsProvider
    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        self.key = f"stache-s3vectors-doctor-{uuid.uuid4()}"
        self.vector = [1.0] + [0.0] * (self.probe.index.options.dimension - 1)

    def run(self) -> Finding:
        """Try all steps; the vector is deleted whatever happens."""
        try:
            finding = self._try_steps()
        except BaseException:  # Ctrl-C, most likely
            left = self._remove()
            if left is not None:
                _LOG.warning("%s", left.text)
            raise
        return self._remove() or finding

    def _try_steps(self) -> Finding:
        try:
            self.provider.insert(
                [self.vector], [_TEXT], [self.metadata], [self.key], namespace=self.key
            )
            results: list[Any] = self.provider.search(self.vector, top_k=1, namespace=self.key)
            read: list[Any] = self.provider.get_by_ids([self.key])
        except S3VectorsError as error:
            return report_error(self.check, error)
        problem = ""
        if [result["id"] for result in results] != [self.key]:
            problem = f"a search in its namespace does not return it, but {results!r:.80}"
        elif not read or not {"text": _TEXT, **self.metadata}.items() <= read[0].items():
            problem = f"it reads back as {read!r:.80}"
        if problem:
            fix = "check that the endpoint is S3 Vectors, or a compatible engine"
            return report_wrong(self.check, problem, fix)
        return report_ok(self.check, "inserted, found, read, deleted")

    def _remove(self) -> Finding | None:
        """Delete the vector; None when that worked."""
        try:
            self.provider.delete([self.key])
            if not self.provider.get_by_ids([self.key]):
                return None
            problem = "it still exists after DeleteVectors"
        except S3VectorsError as error:
            problem = str(error)
        name = self.probe.name
        purge = self.probe.format_command(f"purge --index {name} --namespace {self.key} --yes")
        text = f"the vector {self.key} may be left in {name}: {problem}"
        return report_wrong(self.check, text, f"correct that, then run: {purge}")
