"""Versions, settings, credentials: what can be looked at without S3 Vectors."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Final

from .. import identity
from ..client import connect, endpoint_of
from ..errors import AccessDeniedError, S3VectorsError
from ..settings import Options, resolve
from .findings import Finding, Stop, failed, ok, skipped, warning, wrong

if TYPE_CHECKING:
    from ..settings import Settings

_PACKAGES: Final = ("stache-ai-s3vectors", "stache-ai", "boto3", "s3vectors-local")
_OURS: Final = "stache_ai_s3vectors.provider:S3VectorsProvider"
_KINDS: Final = ("documents", "summaries", "insights")


def versions() -> Iterator[Finding]:
    """What is installed, and that it is what Stache finds."""
    installed = []
    for package in _PACKAGES:
        try:
            installed.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:  # noqa: PERF203 - one may be missing
            installed.append(f"no {package}")
    yield ok("versions", f"Python {platform.python_version()}, {', '.join(installed)}")
    points = metadata.entry_points(group="stache.vectordb", name="s3vectors")
    others = sorted(
        {f"{p.value} of {p.dist.name if p.dist else '?'}" for p in points if p.value != _OURS}
    )
    if others:
        yield wrong(
            "versions",
            f"another package says that it is Stache's provider s3vectors, too: {others[0]}",
            "pip uninstall it; Stache takes either",
        )


def read(load: Callable[[], Settings]) -> Settings:
    """The settings, when they can be read."""
    try:
        return load()
    except S3VectorsError as error:
        raise Stop(failed("settings", error, "")) from error


def resolved(settings: Settings) -> Options:
    """What they come to."""
    try:
        options = resolve(settings)
        connect(options)
    except S3VectorsError as error:
        raise Stop(failed("settings", error)) from error
    return options


def names(settings: Settings) -> dict[str, str]:
    """The indexes that Stache would use, chosen as its factory does."""
    return {
        kind: getattr(settings, f"s3vectors_{kind}_index") or settings.s3vectors_index
        for kind in _KINDS
    }


def stache(settings: Settings, options: Options, chosen: Sequence[str]) -> Iterator[Finding]:
    """The settings that Stache reads itself.

    Args:
        chosen: the indexes that are looked at.
    """
    if settings.vectordb_provider != "s3vectors":
        kind = wrong if "vectordb_provider" in settings.model_fields_set else warning
        text = (
            f"VECTORDB_PROVIDER is {settings.vectordb_provider!r}: Stache keeps its vectors there"
        )
        yield kind("settings", text, "set VECTORDB_PROVIDER=s3vectors where Stache runs")
    unset = [kind for kind in _KINDS if not getattr(settings, f"s3vectors_{kind}_index")]
    if unset and settings.s3vectors_index in chosen:
        variables = ", ".join(f"S3VECTORS_{kind.upper()}_INDEX" for kind in unset)
        text = f"{variables} not set: Stache uses the index {settings.s3vectors_index!r}"
        fix = "set what stache-s3vectors indexes create prints at its end"
        yield warning("settings", text, fix)
    yield ok(
        "settings",
        f"bucket {options.bucket}, indexes {', '.join(chosen)}, {options.dimension} dimensions, "
        f"{'hybrid' if options.hybrid else 'vector'} search",
    )


def credentials(options: Options) -> Iterator[Finding]:
    """Whose they are, where somebody can be asked."""
    if options.local:
        yield skipped("credentials", "not needed: the engine is in this process")
        return
    try:
        found = identity.credentials()
    except S3VectorsError as error:
        raise Stop(failed("credentials", error, "correct AWS_PROFILE, or ~/.aws/config")) from error
    if found is None:
        fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role"
        raise Stop(wrong("credentials", "none are configured", fix))
    told = f"access key {found.key_id} ({found.method})"
    client = connect(options)
    if not identity.has_sts(aws=endpoint_of(client, options) is None):
        yield ok("credentials", f"{told}; no STS here to ask whose they are")
        return
    try:
        account, arn = identity.caller(client.meta.region_name)
    except AccessDeniedError as error:
        raise Stop(failed("credentials", error)) from error
    except S3VectorsError as error:
        yield skipped("credentials", f"{told}; STS does not say whose they are: {error}")
        return
    yield ok("credentials", f"{told} are {arn}, account {account}")
