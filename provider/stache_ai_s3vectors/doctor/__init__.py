"""Will it work? Checks in order, each with what it found and, when that is wrong, the fix.

surroundings  versions, settings, credentials
service       endpoint, clock, region, bucket
indexes       each of Stache's indexes against Stache's settings
permissions   each action of a level, by a call that changes nothing
round_trip    one vector in a namespace of its own, removed again
findings      what a check says
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..answers import Description
from ..vector_index import VectorIndex
from . import indexes, permissions, round_trip, service, surroundings
from .findings import Finding, Stop

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["Finding", "examine"]


def examine(
    load: Callable[[], Settings], level: str, names: Sequence[str] = ()
) -> Iterator[Finding]:
    """All checks in order, as far as they make sense; nothing is left behind.

    Args:
        load: reads the settings.
        level: one of `permissions.LEVELS`, whose actions are tried.
        names: of the indexes; by default those that Stache would use.
    """
    try:
        yield from _examine(load, level, names)
    except Stop as stop:
        yield stop.finding


def _examine(load: Callable[[], Settings], level: str, names: Sequence[str]) -> Iterator[Finding]:
    yield from surroundings.versions()
    settings = surroundings.read(load)
    options = surroundings.resolved(settings)
    chosen = list(dict.fromkeys(names or surroundings.names(settings).values()))
    yield from surroundings.stache(settings, options, chosen)
    yield from surroundings.credentials(options)
    all_of = [VectorIndex(replace(options, index=name, create_index=False)) for name in chosen]
    yield from service.examine(all_of[0], level)
    found: list[tuple[VectorIndex, Description]] = []
    for index in all_of:
        yield from indexes.examine(index, options, found)
    for index, description in found:
        allowed = yield from permissions.examine(index, description, level)
        if level != "read":
            yield from round_trip.examine(index, settings, allowed=allowed)
