"""What the check says, one fault each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MISSING: Final = "missing"
DENIED: Final = "denied"
TOO_MUCH: Final = "too much"
NEVER: Final = "never matches"
MALFORMED: Final = "malformed"


@dataclass(frozen=True, order=True)
class Finding:
    """One fault of a policy.

    Args:
        line: where, counted from 1.
        kind: "missing", "denied", "too much", "never matches" or "malformed".
        problem: what is wrong, with the value got and what is allowed; plain words.
        fix: what to write instead.
    """

    line: int
    kind: str
    problem: str
    fix: str


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def quoted(texts: Iterable[str]) -> str:
    """The same of what stands in the file, or should."""
    return listed(f'"{text}"' for text in texts)


def actions_listed(actions: Iterable[str]) -> str:
    """The same of actions, with the prefix of a service once: "s3vectors:A, B and C"."""
    names: dict[str, list[str]] = {}
    for action in actions:
        service, _, name = action.rpartition(":")
        names.setdefault(service, []).append(name)
    return listed(f"{service}:{listed(group)}" for service, group in names.items())
