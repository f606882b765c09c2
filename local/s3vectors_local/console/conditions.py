"""Filters of the page's requests: the service checks them, this module matches metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from s3vectors_local import filters
from s3vectors_local.choices import Choices
from s3vectors_local.columns import Columns
from s3vectors_local.filters import Comparison, Filter, list_comparisons
from s3vectors_local.validation import to_single

from .members import Members
from .service import Service
from .steps import list_pages

_KEYS_PAGE: Final = 1_000
"""The maximum number of vectors on a page of ListVectors that has keys only."""


class Part(NamedTuple):
    """A condition of a filter.

    Args:
        path: where it is in the filter, as a JSON pointer.
        condition: the condition as JSON; for `$and` and `$or`, only the operator.
        tree: the same, to be matched.
    """

    path: str
    condition: Any
    tree: Filter


class Matcher:
    """Matches metadata to a filter, as the service does.

    Args:
        tree: the filter.
        choices: how the service matches where AWS's behavior is not documented.
    """

    def __init__(self, tree: Filter, choices: Choices) -> None:
        single = choices.numbers == "single"
        self._tree = filters.replace_operands(tree, to_single) if single else tree
        self._keys = {comparison.key for comparison in list_comparisons(tree)}
        self._choices = choices

    def match(self, vectors: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Return for each vector, from ListVectors with metadata, whether it matches."""
        count = len(vectors)
        columns = Columns(self._choices)
        shown = [
            {key: value for key, value in entries.items() if key in self._keys}
            for entries in (vector.get("metadata") or {} for vector in vectors)
        ]
        columns.put(range(count), shown, count)
        matches: list[bool] = columns.match(self._tree, count).tolist()
        return matches


def read_matcher(
    service: Service, names: Mapping[str, str], index: Mapping[str, Any], members: Members
) -> Matcher | None:
    """Read the filter of a request; return None if it has none.

    Args:
        service: whose index it is.
        names: of the vector bucket and the index.
        index: the index, from GetIndex.
        members: the request.

    Raises:
        ServiceError: the service refuses the filter.
    """
    if not members.has("filter"):
        return None
    document = members.any("filter")
    probe = [1.0, *([0.0] * (index["dimension"] - 1))]
    query = {"queryVector": {"float32": probe}, "topK": 1, "filter": document}
    service.call("QueryVectors", {**names, **query})
    enhanced = index.get("indexMode") != "CLASSIC"
    tree = filters.parse(document, frozenset(list_non_filterable(index)), enhanced=enhanced)
    return Matcher(tree, service.choices)


def list_non_filterable(index: Mapping[str, Any]) -> Sequence[str]:
    """Return the non-filterable metadata keys of an index, from GetIndex."""
    return (index.get("metadataConfiguration") or {}).get("nonFilterableMetadataKeys") or ()


def list_keys(
    service: Service, names: Mapping[str, str], matcher: Matcher | None
) -> Iterator[tuple[int, list[str]]]:
    """Yield for each page of an index how many vectors it has, and the keys of those that match."""
    shown = {"maxResults": _KEYS_PAGE} if matcher is None else {"returnMetadata": True}
    for page in list_pages(service, {**names, **shown}):
        vectors = page["vectors"]
        matches = [True] * len(vectors) if matcher is None else matcher.match(vectors)
        selected = [vector["key"] for vector, match in zip(vectors, matches, strict=True) if match]
        yield len(vectors), selected


def explain_filter(
    document: Mapping[str, Any], metadata: Mapping[str, Any], choices: Choices
) -> list[dict[str, Any]]:
    """Return each condition of a filter, and whether a vector's metadata meets it."""
    return [
        {
            "path": part.path,
            "condition": part.condition,
            "holds": Matcher(part.tree, choices).match([{"metadata": metadata}])[0],
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
