"""The job that draws a map: the vectors of an index, or a sample of them, in two dimensions.

The sample is evenly spaced in the order of the keys: it can be taken again by anybody who has the
keys, and a document, whose chunks have neighboring keys, is neither left out nor drawn too often.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from s3vectors_local.errors import ValidationException
from s3vectors_local.limits import GET_VECTORS
from s3vectors_local.validation import Vector

from .conditions import Matcher, list_keys, list_non_filterable, read_matcher
from .members import Members
from .projection import Projection, project
from .service import Service
from .steps import Progress, Steps, call_each, read_names, report

POINTS: Final = 5_000
"""The maximum number of points of a map."""

LISTED: Final = 200_000
"""The maximum number of keys that a sample is from; they are in memory."""

_LEGEND: Final = 20
"""The maximum number of values in a legend; the others are one group."""

_CACHED: Final = 4
"""The number of cached maps, of the indexes that were used last."""


@dataclass(frozen=True)
class _Map:
    """A map, and the index that it shows.

    Args:
        stamp: of the index before it was read; None when the service has none.
        drawn: when, by the monotonic clock.
        keys: of the points.
        metadata: the filterable metadata of the points.
        projection: the points.
        sample: what the page says of it.
    """

    stamp: int | None
    drawn: float
    keys: Sequence[str]
    metadata: Sequence[Mapping[str, Any]]
    projection: Projection
    sample: Mapping[str, Any]


class Maps:
    """Draws maps, and caches the latest ones, each until its index changes."""

    def __init__(self) -> None:
        self._maps: OrderedDict[bytes, _Map] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, service: Service, members: Members) -> Steps:
        """Draw a map of an index, or return the cached one."""
        names, limit = read_names(members), members.integer("limit", POINTS, 1, POINTS)
        color, refresh = members.optional_text("color"), members.flag("refresh")
        index = service.call("GetIndex", names)["index"]
        if color in list_non_filterable(index):
            raise ValidationException(
                f"{color!r:.80} is a non-filterable metadata key; color by a filterable one"
            )
        # Also for a cached map, the caller needs permission to read the vectors
        reading = {"maxResults": 1, "returnData": True, "returnMetadata": True}
        service.call("ListVectors", {**names, **reading})
        subject = [index["indexArn"], index["creationTime"], limit, members.any("filter")]
        question = orjson.dumps(subject, option=orjson.OPT_SORT_KEYS)
        stamp = service.read_stamp(names)
        drawn = None if refresh else self._find(question, stamp)
        if drawn is None:
            drawn = yield from _draw(service, names, index, members, stamp)
            self._store(question, drawn)
        return _describe(drawn, color)

    def _find(self, question: bytes, stamp: int | None) -> _Map | None:
        """Return the cached map, if it is not known to be out of date."""
        with self._lock:
            drawn = self._maps.get(question)
            if drawn is None or drawn.stamp != stamp:
                return None
            self._maps.move_to_end(question)
            return drawn

    def _store(self, question: bytes, drawn: _Map) -> None:
        with self._lock:
            self._maps[question] = drawn
            self._maps.move_to_end(question)
            if len(self._maps) > _CACHED:
                self._maps.popitem(last=False)


def _draw(
    service: Service,
    names: Mapping[str, str],
    index: Mapping[str, Any],
    members: Members,
    stamp: int | None,
) -> Generator[Progress, None, _Map]:
    limit = members.integer("limit", POINTS, 1, POINTS)
    matcher = read_matcher(service, names, index, members)
    listed, whole = yield from _list_keys(service, names, matcher)
    listed.sort()
    size = min(limit, len(listed))
    chosen = [listed[number * len(listed) // size] for number in range(size)]
    how = _describe_sample(size, len(listed), whole=whole, filtered=matcher is not None)
    sample = {"of": len(listed), "whole": whole and size == len(listed), "how": how}
    del listed
    keys, vectors, metadata = yield from _read_vectors(service, names, index, chosen)
    projection = yield from _project(vectors)
    sample = {"size": len(keys), **sample}
    return _Map(stamp, time.monotonic(), keys, metadata, projection, sample)


def _project(vectors: Vector) -> Generator[Progress, None, Projection]:
    steps = project(vectors)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            projection: Projection = done.value
            return projection
        yield report("computing", len(vectors), len(vectors))


def _describe_sample(size: int, count: int, *, whole: bool, filtered: bool) -> str:
    what = "that pass the filter" if filtered else "of the index"
    if whole:
        if size == count:
            return f"all vectors {what}"
        return f"evenly spaced in the order of the keys {what}"
    return (
        f"evenly spaced in the order of the keys {what}, among the first {LISTED:,} that the "
        "service listed; the index has more"
    )


def _list_keys(
    service: Service, names: Mapping[str, str], matcher: Matcher | None
) -> Generator[Progress, None, tuple[list[str], bool]]:
    """List the keys that match a filter, and return whether the whole index was listed."""
    keys: list[str] = []
    scanned = 0
    for size, matching in list_keys(service, names, matcher):
        if scanned >= LISTED:
            return keys, False
        scanned += size
        keys += matching
        yield report("listing", scanned)
    return keys, True


def _read_vectors(
    service: Service, names: Mapping[str, str], index: Mapping[str, Any], keys: Sequence[str]
) -> Generator[Progress, None, tuple[list[str], Vector, list[Mapping[str, Any]]]]:
    """Read vectors and their filterable metadata; skip deleted ones."""
    non_filterable = frozenset(list_non_filterable(index))
    vectors = np.zeros((len(keys), index["dimension"]), np.float32)
    read: list[str] = []
    metadata: list[Mapping[str, Any]] = []
    requests = [
        {**names, "keys": keys[n : n + GET_VECTORS], "returnData": True, "returnMetadata": True}
        for n in range(0, len(keys), GET_VECTORS)
    ]
    for page in call_each(service, "GetVectors", requests):
        for vector in sorted(page["vectors"], key=lambda each: str(each["key"])):
            vectors[len(read)] = vector["data"]["float32"]
            read.append(vector["key"])
            entries = (vector.get("metadata") or {}).items()
            metadata.append({name: value for name, value in entries if name not in non_filterable})
        yield report("reading", len(read), len(keys))
    return read, vectors[: len(read)], metadata


def _describe(drawn: _Map, color: str | None) -> dict[str, Any]:
    return {
        "points": drawn.projection.points,
        "keys": drawn.keys,
        "colors": None if color is None else _color(drawn, color),
        "variance": drawn.projection.variance,
        "sample": drawn.sample,
        "age": time.monotonic() - drawn.drawn,
    }


def _color(drawn: _Map, key: str) -> dict[str, Any]:
    """Return the legend of a metadata key, the most frequent values first."""
    texts = [orjson.dumps(entry[key]) if key in entry else None for entry in drawn.metadata]
    counts = Counter(texts)
    order = sorted(counts, key=lambda text: (-counts[text], text or b""))
    legend = [_describe_value(text, counts[text]) for text in order[:_LEGEND]]
    numbers = {text: number for number, text in enumerate(order[:_LEGEND])}
    if rest := sum(counts[text] for text in order[_LEGEND:]):
        legend.append({"value": None, "count": rest, "other": True})
    of_point = [numbers.get(text, _LEGEND) for text in texts]
    return {"key": key, "values": legend, "of_point": of_point}


def _describe_value(text: bytes | None, count: int) -> dict[str, Any]:
    """Return an entry of a legend: the value, of an array its JSON; null for none."""
    value = None if text is None else orjson.loads(text)
    shown = text.decode() if text is not None and isinstance(value, list) else value
    return {"value": shown, "count": count}
