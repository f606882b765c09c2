"""Endpoint, clock, region: does the right service answer, and to these credentials?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Final

from stache_ai_s3vectors.aws.client import find_endpoint
from stache_ai_s3vectors.errors import AccessDeniedError, NotFoundError, UnavailableError
from stache_ai_s3vectors.tool.remedies import get_error_code

from .findings import Finding, Stop, failed, ok, skipped, warning, wrong
from .indexes import Look

_SKEW: Final = 300
"""Seconds that AWS lets a signature's time be wrong."""

_NOTICEABLE: Final = 60

OF_CREDENTIALS: Final = (
    "Expired",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "IncompleteSignature",
)
"""How the codes begin that mean: not that you may not, but that nobody knows you."""


def examine(look: Look) -> Iterator[Finding]:
    """One GetIndex, and what can be learnt from how it is answered.

    Raises:
        Stop: nobody answers, or not to these credentials.
    """
    client, options = look.index.client, look.index.options
    dates: list[str] = []
    client.meta.events.register("after-call.s3vectors", lambda parsed, **_: _note(parsed, dates))
    look.take()
    error = look.error
    if isinstance(error, UnavailableError) and not dates:
        raise Stop(failed("endpoint", error))
    if not options.local:
        yield from _clock(dates)
    if error is not None and get_error_code(error).startswith(OF_CREDENTIALS):
        raise Stop(failed("credentials", error))
    if error is not None and not isinstance(error, (NotFoundError, AccessDeniedError)):
        raise Stop(failed("endpoint", error))
    yield ok("endpoint", f"{find_endpoint(client, options) or 'AWS'} answers")
    yield ok("region", str(client.meta.region_name))


def _note(parsed: dict[str, Any], dates: list[str]) -> None:
    headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    dates += [value for name, value in headers.items() if name.lower() == "date"]


def _clock(dates: list[str]) -> Iterator[Finding]:
    try:
        skew = time.time() - parsedate_to_datetime(dates[-1]).timestamp()
    except (IndexError, ValueError):
        yield skipped("clock", "the answer says no time")
        return
    text = f"this machine is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}"
    fix = "set the clock, and let it be synchronised (timedatectl set-ntp true)"
    if abs(skew) > _SKEW:
        raise Stop(wrong("clock", f"{text}; AWS takes {_SKEW}", fix))
    yield warning("clock", text, fix) if abs(skew) > _NOTICEABLE else ok("clock", "right")
