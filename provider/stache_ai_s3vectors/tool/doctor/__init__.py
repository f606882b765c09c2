"""Will it work? Checks in order, each with its result and, if that is wrong, the fix.

environment   versions, settings, credentials
service       endpoint, clock, region
bucket        does it exist, here or in another region?
indexes       do Stache's indexes fit Stache's settings?
permissions   each action of a level, by a call that changes nothing
round_trip    one vector in a namespace of its own, which is then removed
findings      the result of a check
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.service.arns import INDEX_NAME

from . import bucket, environment, indexes, permissions, round_trip, service
from .findings import Finding, Stop, report_error
from .indexes import IndexProbe

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

__all__ = ["Finding", "run_checks"]


def run_checks(
    load: Callable[[], Settings], level: str, names: Sequence[str] = ()
) -> Iterator[Finding]:
    """Run the checks in order, as far as they make sense; nothing is left behind.

    Args:
        load: reads the settings.
        level: one of `permissions.LEVELS`, whose actions are tried.
        names: of the indexes; by default those that Stache would use.
    """
    try:
        yield from _run_checks(load, level, names)
    except Stop as stop:
        yield stop.finding
    except S3VectorsError as error:  # one that no check expected
        yield report_error("doctor", error)


def _run_checks(
    load: Callable[[], Settings], level: str, names: Sequence[str]
) -> Iterator[Finding]:
    yield from environment.check_versions()
    settings = environment.read_settings(load)
    options = environment.check_settings(settings)
    variables = environment.list_indexes(settings, names)
    yield from environment.check_stache_settings(settings, options, list(variables))
    yield from environment.check_credentials(options)
    probes = [
        IndexProbe(VectorIndex(replace(options, index_name=name), create=False), variable)
        for name, variable in variables.items()
        if INDEX_NAME.fullmatch(name)
    ]
    if not probes:
        return
    yield from service.check_service(probes[0])
    for probe in probes[1:]:
        probe.fetch_description()
    creates = yield from bucket.check_bucket(probes, options, level)
    for probe in probes:
        yield from indexes.check_index(probe, options, creates=creates)
    yield from environment.check_account(settings, probes)
    existing = [probe for probe in probes if probe.description]
    ready = yield from permissions.check_permissions(existing, level)
    if level != "read":
        for probe in existing:
            yield from round_trip.check_round_trip(probe, settings, allowed=probe.name in ready)
