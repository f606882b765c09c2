"""The endpoint of requests, and the commands that create what is missing, for error messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from stache_ai_s3vectors.service.arns import DNS_SUFFIXES
from stache_ai_s3vectors.service.printable import strip_passwords

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

    from stache_ai_s3vectors.settings import Options

_AWS_HOSTS: Final = (
    *(f".{suffix}" for suffix in DNS_SUFFIXES.values()),
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
)
"""Ends of AWS's host names, as in botocore's list of partitions."""


def describe_endpoint(client: S3VectorsClient, options: Options) -> str:
    """Describe where a client's requests go, for error messages."""
    return f"in region {client.meta.region_name} at {find_endpoint(client, options) or 'AWS'}"


def find_endpoint(client: S3VectorsClient, options: Options) -> str | None:
    """The endpoint, from the settings or boto3's own variables; None for AWS."""
    if options.endpoint:
        return strip_passwords(options.endpoint)
    url = strip_passwords(client.meta.endpoint_url)
    host = urlsplit(url).hostname or ""
    return None if host.endswith(_AWS_HOSTS) else url


def _format_local_options(options: Options) -> str:
    """Format the tool's options for the bucket of a `local:` endpoint."""
    region = f" --region {options.region}" if options.region else ""
    return f"--bucket {options.bucket_name} --endpoint {options.endpoint}{region}"


def advise_local_creation(options: Options) -> str:
    """Explain how to create what does not exist with a `local:` endpoint."""
    return (
        "With a local: endpoint, the provider creates what is missing on first use, unless "
        "S3VECTORS_CREATE_INDEX is false; so does stache-s3vectors indexes create --dimension "
        f"{options.dimension} {_format_local_options(options)}"
    )


def format_bucket_options(client: S3VectorsClient, options: Options) -> str:
    """Format the tool's options for this bucket, which work in any environment."""
    if options.local:
        return _format_local_options(options)
    endpoint = find_endpoint(client, options) or "aws"
    bucket = options.bucket_arn or options.bucket_name
    return f"--bucket {bucket} --endpoint {endpoint} --region {client.meta.region_name}"


def format_create_bucket(client: S3VectorsClient, options: Options) -> str:
    """Format the command that creates the vector bucket."""
    if options.local:
        return f"stache-s3vectors indexes create {format_bucket_options(client, options)}"
    endpoint = find_endpoint(client, options)
    at = f" --region {client.meta.region_name}" + (
        f" --endpoint-url {endpoint}" if endpoint else ""
    )
    return f"aws s3vectors create-vector-bucket --vector-bucket-name {options.bucket_name}{at}"


def advise_creation(client: S3VectorsClient, options: Options) -> str:
    """Explain how to create a bucket or index that does not exist."""
    if options.local:
        return advise_local_creation(options)
    bucket = format_bucket_options(client, options)
    create = f"stache-s3vectors indexes create --dimension {options.dimension} {bucket}"
    on_first_use = (
        ""
        if options.create_index
        else ("To create this index on first use: S3VECTORS_CREATE_INDEX=true. ")
    )
    return (
        f"To create the bucket: {format_create_bucket(client, options)}. {on_first_use}To create "
        "indexes for documents, summaries and insights, and see the settings that name them: "
        f"{create}"
    )
