"""Versions, settings, credentials: what can be checked without S3 Vectors."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib import metadata
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values

from stache_ai_s3vectors.aws import identity
from stache_ai_s3vectors.aws.advice import find_endpoint
from stache_ai_s3vectors.aws.connections import get_client
from stache_ai_s3vectors.errors import InvalidInputError, S3VectorsError
from stache_ai_s3vectors.service.arns import BUCKET_ARN
from stache_ai_s3vectors.service.metadata_keys import KINDS, index_variable
from stache_ai_s3vectors.tool.index_access import check_index_name
from stache_ai_s3vectors.tool.options import resolve_options
from stache_ai_s3vectors.tool.remedies import find_remedy

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

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

_PACKAGES: Final = ("stache-ai-s3vectors", "stache-ai", "boto3", "s3vectors-local")
_BOTO3: Final = (1, 44, 4)
"""The first with full-text and hybrid queries."""

_PREFIX: Final = re.compile(r"S3_?VECTORS?_")
_OF_THE_ENGINE: Final = "S3VECTORS_LOCAL_"
"""Prefixes of variables: those of the provider, also misspelled, and those of s3vectors-local."""

_OURS: Final = "stache_ai_s3vectors.provider:S3VectorsProvider"
_QUESTIONS: Final = "stache_ai_s3vectors.plugins.query_processor:S3VectorsQuestion"


def check_versions() -> Iterator[Finding]:
    """Check what is installed, and whether Stache finds it."""
    installed = []
    for package in _PACKAGES:
        try:
            installed.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:  # noqa: PERF203 - one may be missing
            installed.append(f"no {package}")
    yield report_ok("versions", f"Python {platform.python_version()}, {', '.join(installed)}")
    if tuple(map(int, metadata.version("boto3").split(".")[:3])) < _BOTO3:
        needed = ".".join(map(str, _BOTO3))
        yield report_wrong(
            "versions", f"boto3 is older than {needed}", f"pip install 'boto3>={needed}'"
        )
    yield from _check_copies()
    points = metadata.entry_points(group="stache.vectordb", name="s3vectors")
    yield from _check_entry_points()
    others = sorted(
        {f"{p.value} of {p.dist.name if p.dist else '?'}" for p in points if p.value != _OURS}
    )
    if others:
        yield report_wrong(
            "versions",
            f"another package provides Stache's s3vectors too: {others[0]}; Stache may use either",
            "uninstall that package",
        )


def _check_copies() -> Iterator[Finding]:
    """Check that our package is installed once: Python imports the code of either copy."""
    ours = metadata.distributions(name=_PACKAGES[0])
    copies = sorted({f"{each.version} in {each.locate_file('')}" for each in ours})
    if len(copies) > 1:
        yield report_wrong(
            "versions",
            f"{_PACKAGES[0]} is installed {len(copies)} times: {', '.join(copies)}",
            "install into an empty folder: pip's --target does not remove other versions, not even "
            "with --upgrade",
        )


def _check_entry_points() -> Iterator[Finding]:
    """Check that Stache finds our code."""
    keep = "keep stache_ai_s3vectors-*.dist-info next to the package: it names the entry points"
    values = {point.value for point in metadata.entry_points(group="stache.vectordb")}
    if _OURS not in values:
        text = "Stache cannot find the provider: its entry point stache.vectordb is missing"
        yield report_wrong("versions", text, keep)
    values = {point.value for point in metadata.entry_points(group="stache.query_processor")}
    if _QUESTIONS not in values:
        text = "hybrid search gets no text: the entry point stache.query_processor is missing"
        yield report_warning("versions", text, keep)


def read_settings(load: Callable[[], Settings]) -> Settings:
    """Read the settings."""
    try:
        return load()
    except S3VectorsError as error:
        raise Stop(report_error("settings", error)) from error


def check_settings(settings: Settings) -> Options:
    """Resolve the settings, and open the local engine that they name."""
    try:
        options = resolve_options(settings)
        if options.local:
            get_client(options)  # the directory may belong to another engine
    except S3VectorsError as error:
        raise Stop(report_error("settings", error)) from error
    return options


def list_indexes(settings: Settings, names: Sequence[str]) -> dict[str, str]:
    """List the indexes to check, each with the environment variable that names it.

    Args:
        names: of the indexes; by default those that Stache uses, as its factory chooses.
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
    names = names or [used[kind] for kind in KINDS]
    return {name: named.get(name, "S3VECTORS_DOCUMENTS_INDEX") for name in names}


def check_stache_settings(
    settings: Settings, options: Options, names: Sequence[str]
) -> Iterator[Finding]:
    """Check the settings that Stache itself reads.

    Args:
        names: of the indexes that are checked.
    """
    if settings.vectordb_provider != "s3vectors":
        kind = report_wrong if "vectordb_provider" in settings.model_fields_set else report_warning
        text = (
            f"VECTORDB_PROVIDER is {settings.vectordb_provider!r}: Stache does not use S3 Vectors"
        )
        yield kind("settings", text, "set VECTORDB_PROVIDER=s3vectors where Stache runs")
    yield from _check_names(names)
    yield from _check_embedder(settings)
    yield from _check_spelling(settings)
    unset = [kind for kind in KINDS if not getattr(settings, f"s3vectors_{kind}_index")]
    if unset and settings.s3vectors_index in names:
        variables = ", ".join(index_variable(kind) for kind in unset)
        are = "is" if len(unset) == 1 else "are"
        text = f"{variables} {are} not set: Stache uses the index {settings.s3vectors_index!r}"
        fix = "set the variables that stache-s3vectors indexes create prints"
        yield report_warning("settings", text, fix)
    yield report_ok(
        "settings",
        f"bucket {options.bucket_name}, indexes {', '.join(names)}, {options.dimension} "
        f"dimensions, {'hybrid' if options.hybrid else 'vector'} search",
    )


def _check_names(names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        try:
            check_index_name(name)
        except InvalidInputError as error:  # noqa: PERF203 - each name is a finding
            yield report_error("settings", error)


def _check_embedder(settings: Settings) -> Iterator[Finding]:
    """Check that Stache has the embedder that the settings name."""
    if "embedding_provider" not in settings.model_fields_set:
        return
    from stache_ai.providers import EmbeddingProviderFactory  # noqa: PLC0415 - reads settings

    known = EmbeddingProviderFactory.get_available_providers()
    if settings.embedding_provider not in known:
        text = f"EMBEDDING_PROVIDER is {settings.embedding_provider!r}, which Stache does not have"
        fix = f"install its package, or use one of {', '.join(sorted(known))}"
        yield report_wrong("settings", text, fix)


def _check_spelling(settings: Settings) -> Iterator[Finding]:
    """Warn of variables that look like our settings and are not."""
    known = [name.upper() for name in type(settings).model_fields]
    variables = {*os.environ, *dotenv_values(".env")}
    for name in sorted(name for name in variables if _PREFIX.match(name.upper())):
        if name.upper() in known or name.upper().startswith(_OF_THE_ENGINE):
            continue
        near = get_close_matches(name.upper(), known, 1)
        fix = f"write {near[0]}" if near else "remove it"
        yield report_warning("settings", f"{name} is set, but there is no such setting", fix)


def check_credentials(options: Options) -> Iterator[Finding]:
    """Check the credentials, and whose they are if STS answers."""
    if options.local:
        yield report_skipped("credentials", "not needed: the engine is in this process")
        return
    try:
        credentials = identity.find_credentials()
    except S3VectorsError as error:
        fix = find_remedy(error) or "correct AWS_PROFILE, or the profile in ~/.aws/config"
        raise Stop(report_error("credentials", error, fix)) from error
    if credentials is None:
        fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role"
        raise Stop(report_wrong("credentials", "no credentials are configured", fix))
    key = f"access key {credentials.key_id} ({credentials.method})"
    try:
        client = get_client(options)
    except S3VectorsError as error:
        raise Stop(report_error("settings", error)) from error
    if not identity.has_sts(aws=find_endpoint(client, options) is None):
        yield report_ok("credentials", f"{key}; this endpoint has no STS to identify its owner")
        return
    try:
        account, arn = identity.get_caller(client.meta.region_name)
    except S3VectorsError as error:
        if error.about_credentials:
            raise Stop(report_error("credentials", error)) from error
        yield report_skipped("credentials", f"{key}; STS does not identify its owner: {error}")
        return
    yield report_ok("credentials", f"{key} of {arn}, account {account}")


def check_account(settings: Settings, probes: Sequence[IndexProbe]) -> Iterator[Finding]:
    """Check that the index is of the bucket whose ARN is configured."""
    bucket = settings.s3vectors_bucket_name or settings.s3vectors_bucket or ""
    arn = next((probe.description.arn for probe in probes if probe.description), None)
    if BUCKET_ARN.fullmatch(bucket) and arn and not arn.startswith(f"{bucket}/"):
        text = f"the bucket is configured as {bucket}, but the index is {arn}"
        fix = "correct the bucket's ARN, or use that account's credentials"
        yield report_wrong("account", text, fix)
