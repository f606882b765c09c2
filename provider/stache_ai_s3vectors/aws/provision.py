"""Create the bucket and the indexes that Stache needs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE, TEXT

from .advice import advise_creation, describe_endpoint
from .client import translate_errors
from .connections import get_client
from .descriptions import CLASSIC, ENHANCED, IndexDescription

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

    from stache_ai_s3vectors.settings import Options


def create_bucket(client: S3VectorsClient, options: Options) -> bool:
    """Create the vector bucket; False when it exists already."""
    with translate_errors(
        f"CreateVectorBucket of {options.bucket_name} {describe_endpoint(client, options)}"
    ):
        return _create(
            client, lambda: client.create_vector_bucket(vectorBucketName=options.bucket_name)
        )


def create_index(
    client: S3VectorsClient,
    options: Options,
    name: str,
    metric: Literal["cosine", "euclidean"] = "cosine",
) -> bool:
    """Create an index for Stache; False when it exists already.

    It gets text search, which hybrid search needs, on `text` and the other keys of the settings,
    unless the bucket creates CLASSIC indexes, which do not have it.

    Raises:
        NotFoundError: there is no such vector bucket; the message has the command to create it.
    """
    enhanced = _is_enhanced_by_default(client, options)
    if not enhanced:
        _LOG.warning(
            "bucket %s creates CLASSIC indexes: %s gets no text search", options.bucket_name, name
        )
    metadata: Any = {"nonFilterableMetadataKeys": NON_FILTERABLE}
    if enhanced:
        language = options.text_language
        metadata["textSearchConfigurations"] = [
            _configure_text_search(key, language) for key in options.text_keys
        ]
    what = f"CreateIndex of {options.bucket_name}/{name} {describe_endpoint(client, options)}"
    with translate_errors(what, advice=advise_creation(client, options)):
        return _create(
            client,
            lambda: client.create_index(
                **options.bucket_parameters,
                indexName=name,
                dataType="float32",
                dimension=options.dimension,
                distanceMetric=metric,
                metadataConfiguration=metadata,
            ),
        )


def create_missing(
    client: S3VectorsClient, options: Options, metric: Literal["cosine", "euclidean"] = "cosine"
) -> None:
    """Create the options' index, and on a `local:` endpoint its bucket, unless they exist."""
    if options.local:
        create_bucket(client, options)
    create_index(client, options, options.index_name, metric)


def upgrade_index(
    client: Any, options: Options, description: IndexDescription, language: str | None
) -> list[str]:
    """Upgrade the options' index for hybrid search; returns the changes.

    Args:
        client: the boto3 client; the published types lack UpdateMetadataConfiguration.
        description: of the index.
        language: of the texts; empty for no particular one. None keeps the languages of existing
            text searches, and uses that of the settings for new ones.
    """
    names = options.index_parameters
    where = f"{options.bucket_name}/{options.index_name} {describe_endpoint(client, options)}"
    changes = []
    if description.mode != ENHANCED:
        with translate_errors(f"UpdateIndexMode of {where}"):
            client.update_index_mode(**names, indexMode=ENHANCED)
        changes.append("ENHANCED mode")
    target = (options.text_language if language is None else language) or None
    present = [key for key in options.text_keys if key in description.text_searches]
    changed = [
        k for k in present if language is not None and description.languages.get(k) != target
    ]
    missing = [key for key in options.text_keys if key not in description.text_searches]

    def update(change: str, texts: list[dict[str, str]]) -> None:
        with translate_errors(f"UpdateMetadataConfiguration of {where}"):
            client.update_metadata_configuration(
                **names, **{change: {"textSearchConfigurations": texts}}
            )

    if changed:  # a text search keeps the language that it was added with
        update("delete", [{"metadataKey": key} for key in changed])
    if changed or missing:
        update("add", [_configure_text_search(key, target) for key in (*changed, *missing)])
    changes += [_name_change(key, "text search") for key in missing]
    changes += [_name_change(key, f"text search in {target or 'no language'}") for key in changed]
    return changes


def _configure_text_search(key: str, language: str | None) -> dict[str, str]:
    return {"metadataKey": key} | ({"language": language} if language else {})


def _name_change(key: str, change: str) -> str:
    """Name a change, with its key unless it is `text`."""
    return change if key == TEXT else f"{change} on {key}"


def list_indexes(options: Options) -> list[str]:
    """List the names of all indexes of the bucket, in the service's order.

    Raises:
        NotFoundError: there is no such vector bucket; the message has the command to create it.
    """
    client = get_client(options)
    what = f"ListIndexes of {options.bucket_name} {describe_endpoint(client, options)}"
    with translate_errors(what, advice=advise_creation(client, options)):
        pages = client.get_paginator("list_indexes").paginate(**options.bucket_parameters)
        return [index["indexName"] for page in pages for index in page["indexes"]]


def delete_index(client: S3VectorsClient, options: Options) -> None:
    """Delete the options' index with all its vectors, for good."""
    where = f"{options.bucket_name}/{options.index_name} {describe_endpoint(client, options)}"
    with translate_errors(f"DeleteIndex of {where}"):
        client.delete_index(**options.index_parameters)


def _is_enhanced_by_default(client: S3VectorsClient, options: Options) -> bool:
    what = f"GetVectorBucket of {options.bucket_name} {describe_endpoint(client, options)}"
    with translate_errors(what, advice=advise_creation(client, options)):
        bucket = client.get_vector_bucket(**options.bucket_parameters)["vectorBucket"]
    return bucket.get("defaultIndexMode", CLASSIC) == ENHANCED


def _create(client: S3VectorsClient, create: Callable[[], object]) -> bool:
    try:
        create()
    except client.exceptions.ConflictException:
        return False
    return True
