"""Versions, settings, credentials: what can be looked at without S3 Vectors."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib import metadata
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values

from stache_ai_s3vectors.aws import identity
from stache_ai_s3vectors.aws.client import find_endpoint
from stache_ai_s3vectors.aws.connections import connect
from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.service.arns import BUCKET_ARN, INDEX_NAME
from stache_ai_s3vectors.service.metadata_keys import KINDS, index_variable
from stache_ai_s3vectors.tool.options import resolve_options
from stache_ai_s3vectors.tool.remedies import find_remedy, get_error_code

from .findings import Finding, Stop, failed, ok, skipped, warning, wrong
from .indexes import Look
from .service import OF_CREDENTIALS

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

_PACKAGES: Final = ("stache-ai-s3vectors", "stache-ai", "boto3", "s3vectors-local")
_BOTO3: Final = (1, 44, 4)
"""The first with full-text and hybrid queries."""

_PREFIX: Final = "S3VECTORS_"
_OF_THE_ENGINE: Final = "S3VECTORS_LOCAL_"
"""Beginnings of variables: those of the provider, and those of `s3vectors-local serve`."""

_OURS: Final = "stache_ai_s3vectors.provider:S3VectorsProvider"
_QUESTIONS: Final = "stache_ai_s3vectors.plugins.query_processor:S3VectorsQuestion"


def versions() -> Iterator[Finding]:
    """What is installed, and that it is what Stache finds."""
    installed = []
    for package in _PACKAGES:
        try:
            installed.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:  # noqa: PERF203 - one may be missing
            installed.append(f"no {package}")
    yield ok("versions", f"Python {platform.python_version()}, {', '.join(installed)}")
    if tuple(map(int, metadata.version("boto3").split(".")[:3])) < _BOTO3:
        needed = ".".join(map(str, _BOTO3))
        yield wrong("versions", f"boto3 is older than {needed}", f"pip install 'boto3>={needed}'")
    yield from _copies()
    points = metadata.entry_points(group="stache.vectordb", name="s3vectors")
    yield from _missing_entry_points()
    others = sorted(
        {f"{p.value} of {p.dist.name if p.dist else '?'}" for p in points if p.value != _OURS}
    )
    if others:
        yield wrong(
            "versions",
            f"another package says that it is Stache's provider s3vectors, too: {others[0]}",
            "pip uninstall it; Stache takes either",
        )


def _copies() -> Iterator[Finding]:
    """More than one distribution of our name: Python takes the code of either."""
    found = [each for each in metadata.distributions() if each.name == _PACKAGES[0]]
    shown = sorted({f"{each.version} in {each.locate_file('')}" for each in found})
    if len(shown) > 1:
        yield wrong(
            "versions",
            f"{_PACKAGES[0]} is installed {len(shown)} times: {', '.join(shown)}",
            "install into an empty folder: `pip install --target` leaves what is there, with "
            "--upgrade, too",
        )


def _missing_entry_points() -> Iterator[Finding]:
    """What keeps Stache from finding us, though the code is there."""
    keep = "keep stache_ai_s3vectors-*.dist-info beside the package: Stache finds it through that"
    values = {point.value for point in metadata.entry_points(group="stache.vectordb")}
    if _OURS not in values:
        text = "Stache cannot find the provider: its entry point stache.vectordb is missing"
        yield wrong("versions", text, keep)
    values = {point.value for point in metadata.entry_points(group="stache.query_processor")}
    if _QUESTIONS not in values:
        text = "hybrid search gets no words: the entry point stache.query_processor is missing"
        yield warning("versions", text, keep)


def read(load: Callable[[], Settings]) -> Settings:
    """The settings, when they can be read."""
    try:
        return load()
    except S3VectorsError as error:
        raise Stop(failed("settings", error)) from error


def resolved(settings: Settings) -> Options:
    """What they come to."""
    try:
        options = resolve_options(settings)
        if options.local:
            connect(options)  # the directory may belong to another engine
    except S3VectorsError as error:
        raise Stop(failed("settings", error)) from error
    return options


def variables(settings: Settings, chosen: Sequence[str]) -> dict[str, str]:
    """The indexes to look at, each with the environment variable that names it.

    Args:
        chosen: their names; by default those that Stache would use, as its factory chooses.
    """
    used = {
        kind: getattr(settings, f"s3vectors_{kind}_index") or settings.s3vectors_index
        for kind in reversed(KINDS)
    }
    shared = "s3vectors_index" in settings.model_fields_set
    named = {
        name: index_variable(kind)
        if getattr(settings, f"s3vectors_{kind}_index") or not shared
        else "S3VECTORS_INDEX"
        for kind, name in used.items()
    }
    wanted = chosen or [used[kind] for kind in KINDS]
    return {name: named.get(name, "S3VECTORS_DOCUMENTS_INDEX") for name in wanted}


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
    yield from _names(chosen)
    yield from _embedder(settings)
    yield from _misspelt(settings)
    unset = [kind for kind in KINDS if not getattr(settings, f"s3vectors_{kind}_index")]
    if unset and settings.s3vectors_index in chosen:
        variables = ", ".join(index_variable(kind) for kind in unset)
        text = f"{variables} not set: Stache uses the index {settings.s3vectors_index!r}"
        fix = "set what stache-s3vectors indexes create prints at its end"
        yield warning("settings", text, fix)
    yield ok(
        "settings",
        f"bucket {options.bucket_name}, indexes {', '.join(chosen)}, {options.dimension} "
        f"dimensions, {'hybrid' if options.hybrid else 'vector'} search",
    )


def _names(chosen: Sequence[str]) -> Iterator[Finding]:
    for name in chosen:
        if not INDEX_NAME.fullmatch(name):
            text = f"{name!r} is not the name of an index: the service refuses it"
            fix = "use 3 to 63 lower-case letters, digits, hyphens and dots"
            yield wrong("settings", text, fix)


def _embedder(settings: Settings) -> Iterator[Finding]:
    """Whether Stache has the embedder that the settings name."""
    if "embedding_provider" not in settings.model_fields_set:
        return
    from stache_ai.providers import EmbeddingProviderFactory  # noqa: PLC0415 - as settings

    known = EmbeddingProviderFactory.get_available_providers()
    if settings.embedding_provider not in known:
        text = f"EMBEDDING_PROVIDER is {settings.embedding_provider!r}, which Stache does not have"
        fix = f"install its package, or use one of {', '.join(sorted(known))}"
        yield wrong("settings", text, fix)


def _misspelt(settings: Settings) -> Iterator[Finding]:
    """Variables that look like settings of ours and are none."""
    known = [name.upper() for name in type(settings).model_fields]
    given = {*os.environ, *dotenv_values(".env")}
    for name in sorted(name for name in given if name.upper().startswith(_PREFIX)):
        if name.upper() in known or name.upper().startswith(_OF_THE_ENGINE):
            continue
        near = get_close_matches(name.upper(), known, 1)
        fix = f"write {near[0]}" if near else "remove it"
        yield warning("settings", f"{name} is set, and there is no such setting", fix)


def credentials(options: Options) -> Iterator[Finding]:
    """Whose they are, where somebody can be asked."""
    if options.local:
        yield skipped("credentials", "not needed: the engine is in this process")
        return
    try:
        found = identity.find_credentials()
    except S3VectorsError as error:
        fix = find_remedy(error) or "correct AWS_PROFILE, or the profile in ~/.aws/config"
        raise Stop(failed("credentials", error, fix)) from error
    if found is None:
        fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role"
        raise Stop(wrong("credentials", "none are configured", fix))
    told = f"access key {found.key_id} ({found.method})"
    try:
        client = connect(options)
    except S3VectorsError as error:
        raise Stop(failed("settings", error)) from error
    if not identity.has_sts(aws=find_endpoint(client, options) is None):
        yield ok("credentials", f"{told}; no STS here to ask whose they are")
        return
    try:
        account, arn = identity.get_caller(client.meta.region_name)
    except S3VectorsError as error:
        if get_error_code(error).startswith(OF_CREDENTIALS):
            raise Stop(failed("credentials", error)) from error
        yield skipped("credentials", f"{told}; STS does not say whose they are: {error}")
        return
    yield ok("credentials", f"{told} are {arn}, account {account}")


def account(settings: Settings, looks: Sequence[Look]) -> Iterator[Finding]:
    """A bucket's ARN says whose it must be."""
    given = settings.s3vectors_bucket_name or settings.s3vectors_bucket or ""
    wanted = BUCKET_ARN.fullmatch(given)
    found = next((look.told.arn for look in looks if look.told), None)
    if wanted and found and not found.startswith(f"{given}/"):
        text = f"the bucket is configured as {given}, what answers is {found}"
        yield wrong("account", text, "correct the bucket's ARN, or use that account's credentials")
