"""Endpoint, clock, region and bucket: does the right service answer, and is the bucket there?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

from .. import identity
from ..client import connect, endpoint_of, translated
from ..errors import AccessDeniedError, NotFoundError, S3VectorsError, UnavailableError
from ..parallel import in_flight
from ..remedies import code_of
from ..settings import Options
from ..vector_index import VectorIndex
from .findings import Finding, Stop, failed, ok, skipped, warning, wrong

_SKEW: Final = 300
"""Seconds that AWS lets a signature's time be wrong."""

_NOTICEABLE: Final = 60

_OF_CREDENTIALS: Final = (
    "Expired",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "IncompleteSignature",
)
"""How the codes begin that mean: not who you are, but that nobody knows you."""


def examine(index: VectorIndex, level: str) -> Iterator[Finding]:
    """One GetIndex, and what can be learnt from how it is answered.

    Raises:
        Stop: nobody answers, or not to these credentials.
    """
    client, options = index.client, index.options
    dates: list[str] = []
    client.meta.events.register("after-call.s3vectors", lambda parsed, **_: _note(parsed, dates))
    error = _error_of(index)
    if isinstance(error, UnavailableError) and not dates:
        raise Stop(failed("endpoint", error))
    if not options.local:
        yield from _clock(dates)
    if error is not None and code_of(error).startswith(_OF_CREDENTIALS):
        raise Stop(failed("credentials", error))
    if error is not None and not isinstance(error, (NotFoundError, AccessDeniedError)):
        raise Stop(failed("endpoint", error))
    yield ok("endpoint", f"{endpoint_of(client, options) or 'AWS'} answers")
    yield ok("region", str(client.meta.region_name))
    yield from _bucket(index, error, level)


def _note(parsed: dict[str, Any], dates: list[str]) -> None:
    headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    dates += [value for name, value in headers.items() if name.lower() == "date"]


def _error_of(index: VectorIndex) -> S3VectorsError | None:
    try:
        index.describe(fresh=True)
    except S3VectorsError as error:
        return error
    return None


def _clock(dates: list[str]) -> Iterator[Finding]:
    if not dates:
        yield skipped("clock", "the answer says no time")
        return
    skew = time.time() - parsedate_to_datetime(dates[-1]).timestamp()
    text = f"this machine is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}"
    fix = "set the clock, and let it be synchronised (timedatectl set-ntp true)"
    if abs(skew) > _SKEW:
        raise Stop(wrong("clock", f"{text}; AWS takes {_SKEW}", fix))
    yield warning("clock", text, fix) if abs(skew) > _NOTICEABLE else ok("clock", "right")


def _bucket(index: VectorIndex, error: S3VectorsError | None, level: str) -> Iterator[Finding]:
    """It can be asked for with the level manage-indexes; else the indexes tell."""
    bucket = index.options.bucket
    try:
        with translated(f"GetVectorBucket of {bucket}"):
            told = index.client.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"]
    except NotFoundError:
        raise Stop(_missing(index)) from None
    except AccessDeniedError as denied:
        if error is not None and (place := _elsewhere(index.options)):
            raise Stop(_in(place, bucket)) from denied
        if level != "manage-indexes":
            yield skipped("bucket", f"GetVectorBucket is not part of {level}; its indexes tell")
            return
        yield failed("bucket", denied)
        return
    yield ok("bucket", str(told["vectorBucketArn"]))


def _missing(index: VectorIndex) -> Finding:
    options, region = index.options, index.client.meta.region_name
    place = _elsewhere(options)
    if place:
        return _in(place, options.bucket)
    endpoint = endpoint_of(index.client, options)
    at = f" --region {region}" + (f" --endpoint-url {endpoint}" if endpoint else "")
    make = f"aws s3vectors create-vector-bucket --vector-bucket-name {options.bucket}{at}"
    if options.local:
        make = "stache-s3vectors indexes create makes it; so does the provider on first use"
    return wrong(
        "bucket",
        f"there is no vector bucket {options.bucket} in {region}, nor in any other region",
        f"correct S3VECTORS_BUCKET_NAME, or make it: {make}",
    )


def _in(place: str, bucket: str) -> Finding:
    return wrong("region", f"vector bucket {bucket} is in {place}", f"set S3VECTORS_REGION={place}")


def _elsewhere(options: Options) -> str | None:
    """The region in which the bucket or the index is, if it is in one."""
    here = connect(options).meta.region_name
    others = [region for region in identity.regions() if region != here]
    for region, call in in_flight(lambda region: _is_in(options, region), others):
        if call.result():
            return region
    return None


def _is_in(options: Options, region: str) -> bool:
    there = VectorIndex(
        replace(options, region=region, max_attempts=1, connect_timeout=2, read_timeout=5)
    )
    calls = (
        lambda: there.client.get_vector_bucket(vectorBucketName=options.bucket),
        there.describe,
    )
    for call in calls:
        try:
            with translated("looking"):
                call()
        except S3VectorsError:
            continue
        return True
    return False
