"""Make what Stache needs, where no infrastructure has made it: the bucket, its indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .client import far_end, translated
from .records import NON_FILTERABLE
from .settings import Options

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient


def create_bucket(client: S3VectorsClient, options: Options) -> bool:
    """Make the vector bucket; False when it exists already."""
    with translated(f"CreateVectorBucket of {options.bucket} {far_end(client, options)}"):
        return _made(client, lambda: client.create_vector_bucket(vectorBucketName=options.bucket))


def create_index(client: S3VectorsClient, options: Options, name: str) -> bool:
    """Make an index as Stache needs it, with cosine distance; False when it exists already.

    Raises:
        NotFoundError: there is no such vector bucket, and how to make it.
    """
    what = f"CreateIndex of {options.bucket}/{name} {far_end(client, options)}"
    with translated(what, advice=advice(options)):
        return _made(
            client,
            lambda: client.create_index(
                vectorBucketName=options.bucket,
                indexName=name,
                dataType="float32",
                dimension=options.dimension,
                distanceMetric="cosine",
                metadataConfiguration={"nonFilterableMetadataKeys": NON_FILTERABLE},
            ),
        )


def advice(options: Options) -> str:
    """What to do about a bucket or index that does not exist."""
    return (
        "To make the bucket: aws s3vectors create-vector-bucket --vector-bucket-name "
        f"{options.bucket}; to make its indexes: stache-s3vectors indexes create --bucket "
        f"{options.bucket} --dimension {options.dimension}, or set S3VECTORS_CREATE_INDEX=true"
    )


def _made(client: S3VectorsClient, create: Callable[[], object]) -> bool:
    try:
        create()
    except client.exceptions.ConflictException:
        return False
    return True
