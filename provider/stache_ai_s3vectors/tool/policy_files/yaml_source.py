"""YAML with the line of every name and string, as CloudFormation writes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .source import DEPTH, Object, SourceError, Text

_LARGEST: Final = 2**20
"""Characters: CloudFormation takes templates of a megabyte."""

_MOST: Final = 200_000
"""Values: an alias repeats those that it stands for."""

_SHORT: Final = {"!Ref": "Ref", "!Condition": "Condition"}
"""Tags that are not Fn::NAME when they are written in full."""

_WORDS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def read_yaml(text: str) -> Any:
    """Read YAML: strings and numbers are `Text`, objects `Object`; `!Sub` is `Fn::Sub`.

    Raises:
        SourceError: it is not YAML, or too large, or PyYAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - templates alone need it
    except ImportError as error:
        raise SourceError(1, "reading YAML needs PyYAML", "pip install pyyaml") from error
    if len(text) > _LARGEST:
        raise SourceError(1, f"more than {_LARGEST} characters of YAML", "give the policy alone")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Builder().build(node, DEPTH) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceError(line, f"not YAML: {error.problem}", "correct it there") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SourceError(1, f"not YAML: {error}", "correct it") from error
    except RecursionError:
        raise SourceError(1, "nested too deeply", "flatten it") from None


class _Builder:
    """Makes values of YAML's nodes, of which an alias repeats one."""

    def __init__(self) -> None:
        self._left = _MOST

    def build(self, node: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {_MOST} values")
        if depth == 0:
            raise RecursionError
        line = node.start_mark.line + 1
        value = self._build_plain(node, line, depth - 1)
        if not node.tag.startswith("!"):
            return value
        name = _SHORT.get(node.tag, f"Fn::{node.tag[1:]}")
        if name == "Fn::GetAtt" and isinstance(value, Text):
            value = [Text(part, line) for part in value.split(".", 1)]
        return Object(line, [(Text(name, line), value)])

    def _build_plain(self, node: Any, line: int, depth: int) -> Any:
        if node.id == "mapping":
            return Object(line, self._build_members(node, depth))
        if node.id == "sequence":
            return [self.build(item, depth) for item in node.value]
        kind = node.tag.rpartition(":")[2]
        if kind == "bool":
            return _WORDS[node.value.lower()]
        return None if kind == "null" else Text(node.value, line)

    def _build_members(self, node: Any, depth: int) -> Iterator[tuple[Text, Any]]:
        for key, value in node.value:
            name = key.value if key.id == "scalar" else "?"
            yield Text(name, key.start_mark.line + 1), self.build(value, depth)
