"""What a check says. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum

from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.tool.remedies import find_remedy, get_cause


class State(str, Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        check: its name.
        text: what is so.
        fix: what to do, when it should not be so.
    """

    check: str
    state: State
    text: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """For a program to read."""
        return {**asdict(self), "state": self.state.value}


class Stop(Exception):  # noqa: N818 - it carries a finding, and is no failure of this program
    """After this finding no further check makes sense."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def ok(check: str, text: str) -> Finding:
    """As it should be."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, fix: str) -> Finding:
    """Works, but not as well as it could."""
    return Finding(check, State.WARNING, text, fix)


def wrong(check: str, text: str, fix: str) -> Finding:
    """Does not work."""
    return Finding(check, State.WRONG, text, fix)


def skipped(check: str, text: str) -> Finding:
    """Not checked, and why."""
    return Finding(check, State.SKIPPED, text)


def failed(check: str, error: S3VectorsError, fix: str = "") -> Finding:
    """An error, with its own remedy unless there is a better one."""
    return wrong(
        check,
        get_cause(error),
        fix or find_remedy(error) or "correct that, in the environment or .env",
    )
