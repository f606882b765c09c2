"""The policies of a file, and their owners. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .source import SourceError, Text, read_json


@dataclass(frozen=True)
class Extract:
    """A policy in a file.

    Args:
        name: its name in the file; empty if the file is the policy.
        line: where it begins.
        document: the policy document; left as it is if it cannot be read.
        unresolved: names in a template that are not known.
    """

    name: str
    line: int
    document: Any
    unresolved: tuple[Text, ...] = ()


def make_placeholder(name: str) -> str:
    """The text that replaces an unknown name in a document."""
    return f"${{{name.replace(':', '.')}}}"


@dataclass
class Collection:
    """The policies of a file, and their owners."""

    extracts: dict[str, Extract] = field(default_factory=dict)
    owned: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(  # noqa: PLR0913 - what is known of a policy
        self,
        name: str,
        line: int,
        document: Any,
        *,
        key: str = "",
        owners: Iterable[str] = (),
        unresolved: Iterable[Text] = (),
    ) -> None:
        """Add a policy, by its key, else by its name, to those of its owners."""
        if isinstance(document, str):
            document = _read_embedded(document, line)
        key = key or str(name)
        self.extracts[key] = Extract(str(name), line, document, tuple(unresolved))
        for owner in owners:
            self.attach(owner, key)

    def attach(self, owner: str, key: str) -> None:
        """Give a policy to an owner."""
        self.owned.setdefault(str(owner), {})[str(key)] = None

    def group(self) -> dict[str, list[Extract]]:
        """Group the policies by owner; those without an owner by their own name."""
        groups = {
            owner: [self.extracts[key] for key in keys if key in self.extracts]
            for owner, keys in self.owned.items()
        }
        used = {key for keys in self.owned.values() for key in keys}
        alone = {e.name: [e] for key, e in self.extracts.items() if key not in used}
        return {name: extracts for name, extracts in (groups | alone).items() if extracts}


def _read_embedded(text: str, line: int) -> Any:
    """Read JSON in a string, which older tools encode for a URL; its lines are the string's."""
    line = text.line if isinstance(text, Text) else line
    try:
        return read_json(unquote(text) if text.startswith("%7B") else text, line)
    except SourceError:
        return text
