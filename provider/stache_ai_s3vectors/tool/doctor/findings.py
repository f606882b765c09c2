"""The results of checks. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum

from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.tool.remedies import find_remedy, get_cause


class State(str, Enum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Args:
        check: its name.
        text: the result.
        fix: what to do about it; empty if nothing needs to be done.
    """

    check: str
    state: State
    text: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return {**asdict(self), "state": self.state.value}


class Stop(Exception):  # noqa: N818 - it carries a finding; nothing failed in this program
    """A finding after which no further check makes sense."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def report_ok(check: str, text: str) -> Finding:
    """Report what is as it should be."""
    return Finding(check, State.OK, text)


def report_warning(check: str, text: str, fix: str) -> Finding:
    """Report what works, but not as well as it could."""
    return Finding(check, State.WARNING, text, fix)


def report_wrong(check: str, text: str, fix: str) -> Finding:
    """Report what does not work."""
    return Finding(check, State.WRONG, text, fix)


def report_skipped(check: str, text: str) -> Finding:
    """Report that something is not checked, and why."""
    return Finding(check, State.SKIPPED, text)


def report_error(check: str, error: S3VectorsError, fix: str = "") -> Finding:
    """Report an error, with its own remedy unless there is a better one."""
    return report_wrong(
        check,
        get_cause(error),
        fix or find_remedy(error) or "correct that, in the environment or .env",
    )
