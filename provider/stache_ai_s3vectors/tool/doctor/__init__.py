"""Will it work? Checks in order, each with what it found and, when that is wrong, the fix.

surroundings  versions, settings, credentials
service       endpoint, clock, region
bucket        is it there, or in another region?
indexes       each of Stache's indexes against Stache's settings
permissions   each action of a level, by a call that changes nothing
round_trip    one vector in a namespace of its own, removed again
findings      what a check says
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import S3VectorsError

from . import bucket, indexes, permissions, round_trip, service, surroundings
from .findings import Finding, Stop, failed
from .indexes import Look

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

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
    except S3VectorsError as error:  # from where nobody expected one
        yield failed("doctor", error)


def _examine(load: Callable[[], Settings], level: str, names: Sequence[str]) -> Iterator[Finding]:
    yield from surroundings.versions()
    settings = surroundings.read(load)
    options = surroundings.resolved(settings)
    variables = surroundings.variables(settings, names)
    yield from surroundings.stache(settings, options, list(variables))
    yield from surroundings.credentials(options)
    looks = [
        Look(VectorIndex(replace(options, index_name=name), create=False), variable)
        for name, variable in variables.items()
    ]
    yield from service.examine(looks[0])
    for look in looks[1:]:
        look.take()
    makes = yield from bucket.examine(looks, options, level)
    for look in looks:
        yield from indexes.examine(look, options, makes=makes)
    yield from surroundings.account(settings, looks)
    found = [look for look in looks if look.told]
    ready = yield from permissions.examine(found, level)
    if level != "read":
        for look in found:
            yield from round_trip.examine(look, settings, allowed=look.name in ready)
