"""Does S3 Vectors answer, to these credentials? Endpoint, clock, region."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Final

from stache_ai_s3vectors.aws.advice import find_endpoint
from stache_ai_s3vectors.errors import AccessDeniedError, NotFoundError, UnavailableError

from .findings import (
    Finding,
    Stop,
    report_error,
    report_ok,
    report_skipped,
    report_warning,
    report_wrong,
)
from .indexes import IndexProbe

_SKEW: Final = 300
"""Seconds by which AWS lets the time of a signature differ."""

_NOTICEABLE: Final = 60


def check_service(probe: IndexProbe) -> Iterator[Finding]:
    """Call GetIndex, and check the response.

    Raises:
        Stop: there is no response, or the credentials are refused.
    """
    client, options = probe.index.client, probe.index.options
    dates: list[str] = []
    client.meta.events.register(
        "after-call.s3vectors", lambda parsed, **_: _note_date(parsed, dates)
    )
    probe.fetch_description()
    error = probe.error
    if isinstance(error, UnavailableError) and not dates:
        raise Stop(report_error("endpoint", error))
    if not options.local:
        yield from _check_clock(dates)
    if error is not None and error.about_credentials:
        raise Stop(report_error("credentials", error))
    if error is not None and not isinstance(error, (NotFoundError, AccessDeniedError)):
        raise Stop(report_error("endpoint", error))
    yield report_ok("endpoint", f"{find_endpoint(client, options) or 'AWS'} answers")
    yield report_ok("region", str(client.meta.region_name))


def _note_date(parsed: dict[str, Any], dates: list[str]) -> None:
    headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    dates += [value for name, value in headers.items() if name.lower() == "date"]


def _check_clock(dates: list[str]) -> Iterator[Finding]:
    try:
        skew = time.time() - parsedate_to_datetime(dates[-1]).timestamp()
    except (IndexError, ValueError):
        yield report_skipped("clock", "not checked: the response has no date")
        return
    text = f"this machine is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}"
    fix = "set the clock, and have it synchronized (timedatectl set-ntp true)"
    if abs(skew) > _SKEW:
        raise Stop(report_wrong("clock", f"{text}; AWS allows {_SKEW}", fix))
    yield (
        report_warning("clock", text, fix)
        if abs(skew) > _NOTICEABLE
        else report_ok("clock", "right")
    )
