"""Filters of the page's requests: the service checks them, this module matches metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from s3vectors_local import filters
from s3vectors_local.choices import Choices
from s3vectors_local.columns import Columns
from s3vectors_local.filters import Comparison, Filter, list_comparisons
from s3vectors_local.validation import to_single

from .service import Service


class Part(NamedTuple):
    """A condition of a filter.

    Args:
        path: where it is in the filter, as a JSON pointer.
        condition: what it says; of `$and` and `$or`, only which.
        tree: the same, to be matched.
    """

    path: str
    condition: Any
    tree: Filter


class Matcher:
    """Matches metadata to a filter, as the service does.

    Args:
        tree: the filter.
        choices: how the service matches where AWS's behaviour is not documented.
    """

    def __init__(self, tree: Filter, choices: Choices) -> None:
        single = choices.numbers == "single"
        self._tree = filters.replace_operands(tree, to_single) if single else tree
        self._keys = {comparison.key for comparison in list_comparisons(tree)}
        self._choices = choices

    def match(self, metadata: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Return for the metadata of each vector whether it matches."""
        count = len(metadata)
        columns = Columns(self._choices)
        shown = [
            {key: value for key, value in entry.items() if key in self._keys} for entry in metadata
        ]
        columns.put(range(count), shown, count)
        matches: list[bool] = columns.match(self._tree, count).tolist()
        return matches


def read_filter(
    service: Service, names: Mapping[str, str], index: Mapping[str, Any], document: Any
) -> Filter:
    """Parse a filter that the service accepts.

    Args:
        service: whose index it is.
        names: of the vector bucket and the index.
        index: the index, from GetIndex.
        document: the filter.

    Raises:
        ServiceError: the service refuses it.
    """
    probe = [1.0, *([0.0] * (index["dimension"] - 1))]
    query = {"queryVector": {"float32": probe}, "topK": 1, "filter": document}
    service.call("QueryVectors", {**names, **query})
    metadata = index.get("metadataConfiguration") or {}
    hidden = frozenset(metadata.get("nonFilterableMetadataKeys") or ())
    return filters.parse(document, hidden, enhanced=index.get("indexMode") != "CLASSIC")


def explain_filter(
    document: Mapping[str, Any], metadata: Mapping[str, Any], choices: Choices
) -> list[dict[str, Any]]:
    """Return each condition of a filter, and whether a vector's metadata meets it."""
    return [
        {
            "path": part.path,
            "condition": part.condition,
            "holds": Matcher(part.tree, choices).match([metadata])[0],
            **({"value": metadata.get(part.tree.key)} if isinstance(part.tree, Comparison) else {}),
        }
        for part in _walk(document, "")
    ]


def _walk(document: Mapping[str, Any], path: str) -> Iterator[Part]:
    """Yield the conditions of a parsed filter, the outermost first."""
    [(key, operand)] = document.items()
    if key in ("$and", "$or"):
        yield Part(f"{path}/{key}", key, filters.build_tree(document))
        for number, part in enumerate(operand):
            yield from _walk(part, f"{path}/{key}/{number}")
        return
    where = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
    if not isinstance(operand, dict):
        yield Part(where, document, Comparison(key, "$eq", operand))
        return
    for operator, value in operand.items():
        yield Part(
            f"{where}/{operator}", {key: {operator: value}}, Comparison(key, operator, value)
        )
