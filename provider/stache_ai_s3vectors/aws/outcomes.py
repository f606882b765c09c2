"""The outcomes of the batches of a call that writes, and the error for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from stache_ai_s3vectors.errors import (
    AccessDeniedError,
    NotFoundError,
    PartialWriteError,
    S3VectorsError,
    UnavailableError,
)
from stache_ai_s3vectors.service.printable import to_printable

from .parallel import WORKERS

_LOG = logging.getLogger(__name__)

_COMPLETES: Final = (
    "The error has their ids in `done` and `missing`. To complete the work, call again with the "
    "ids in `missing`"
)


class Outcomes:
    """Collects which keys of a call are done.

    Args:
        verb: of the log and the error, for example "stored".
        keys: all keys of the call.
        progress: called with the number of keys that were just done.
    """

    def __init__(
        self, verb: str, keys: Sequence[str], progress: Callable[[int], object] | None = None
    ) -> None:
        self.done: list[str] = []
        self._verb = verb
        self._keys = keys
        self._progress = progress
        self._sure: list[str] = []
        self._unanswered = 0
        self._skipped: set[str] = set()
        self._errors: list[S3VectorsError] = []

    @property
    def failed(self) -> bool:
        """Whether any batch has failed."""
        return bool(self._errors)

    @property
    def hopeless(self) -> bool:
        """Whether batches have failed for a reason that would make all others fail as well.

        This includes as many batches in a row without a response as are sent at a time.
        """
        refused = any(isinstance(e, (NotFoundError, AccessDeniedError)) for e in self._errors)
        return refused or self._unanswered >= WORKERS

    @property
    def missing(self) -> list[str]:
        """The keys that are neither done nor skipped."""
        finished = self._skipped.union(self.done)
        return [key for key in self._keys if key not in finished]

    def add_call(self, keys: Sequence[str], call: Future[Any]) -> None:
        """Add the outcome of the call for these keys."""
        error = call.exception()
        if error is None:
            self.note_done(keys)
        else:
            self.note_error(_wrap_error(error))

    def note_done(self, keys: Sequence[str]) -> None:
        """Note that these keys are done."""
        self._unanswered = 0
        self.done += keys
        if self._progress is None:
            return
        try:
            self._progress(len(keys))
        except S3VectorsError as error:
            error.from_progress = True
            raise

    def confirm(self, keys: Sequence[str]) -> None:
        """Note, in any thread, that the service has confirmed these keys."""
        self._sure += keys  # one list operation, which needs no lock

    @contextmanager
    def conclude(self, index_name: str, part_of: Outcomes | None = None) -> Iterator[None]:
        """At the end of the `with` block, raise if anything failed.

        If the caller is interrupted in it, or its `progress` raises, log how many keys are done.

        Args:
            index_name: of the index.
            part_of: the outcomes of the call that contains this one, which logs instead.

        Raises:
            S3VectorsError: the error itself, when nothing is done.
            PartialWriteError: some keys are done.
        """
        try:
            yield
        except BaseException as error:
            failure = isinstance(error, S3VectorsError) and not error.from_progress
            if failure or part_of is not None:
                raise
            _LOG.warning(
                "a call on %s was interrupted by %s: %d of %d vectors are known to be %s, the "
                "others may or may not be",
                to_printable(index_name),
                type(error).__name__,
                len(self._sure),
                len(self._keys),
                self._verb,
            )
            raise
        self._raise_errors()

    def note_skipped(self, keys: Iterable[str]) -> None:
        """Note that these keys need no work."""
        self._skipped.update(keys)

    def note_error(self, error: S3VectorsError) -> None:
        """Note an error; its keys count as not done."""
        if isinstance(error, PartialWriteError):
            self.note_done(error.done)
        self._unanswered += isinstance(error, UnavailableError)
        self._errors.append(error)

    def _raise_errors(self) -> None:
        if not self._errors:
            return
        # Prefer an error after which it is unknown what was done
        first = next((e for e in self._errors if not e.nothing_done), self._errors[0])
        if not self.done:
            raise first
        missing = self.missing
        total = len(self.done) + len(missing)
        message = (
            f"{len(self.done)} of {total} vectors are {self._verb}; {len(missing)} may not be: "
            f"{first}. {_COMPLETES}"
        )
        error = PartialWriteError(message, done=self.done, missing=missing)
        error.remedy = _COMPLETES
        raise error from first


def _wrap_error(error: BaseException) -> S3VectorsError:
    """Wrap an unexpected error in ours, so that it does not hide what was done."""
    if isinstance(error, S3VectorsError):
        return error
    wrapper = S3VectorsError(f"{type(error).__name__}: {error}")
    wrapper.__cause__ = error
    return wrapper
