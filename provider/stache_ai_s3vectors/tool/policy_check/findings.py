"""The findings of a policy check, and lists of names in their sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, order=True)
class Finding:
    """One fault of a policy.

    Args:
        line: where it is, counted from 1.
        kind: "missing", "denied", "excess", "ineffective", "malformed" or "unresolved".
        problem: what is wrong, with the value and what is allowed.
        fix: what to write instead.
        statement: the statement's Sid, else its number; empty for the whole document.
        policy: the policy's name in its file; empty when the file is the policy.
    """

    line: int
    kind: str
    problem: str
    fix: str
    statement: str = ""
    policy: str = ""


def group(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """Group values by key, in their order."""
    groups: dict[Key, list[Value]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def join_names(names: Iterable[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def quote_names(texts: Iterable[str]) -> str:
    """Quoted texts of the document in a sentence."""
    return join_names(f'"{text}"' for text in texts)


def join_actions(actions: Iterable[str]) -> str:
    """Actions in a sentence, with the prefix of a service once: "s3vectors:A, B and C"."""
    services = group(action.rpartition(":")[::2] for action in actions)
    return join_names(f"{service}:{join_names(names)}" for service, names in services.items())
