"""Servers of the local engine on loopback, each a process, and clients of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

import dataset

LLAMA_INDEX_KEYS = ("_overflow", "_node_content", "_node_type")
"""The last two are llama-index's, which cannot store a text without."""


@contextmanager
def serve(*options: str, dimension: int = dataset.DIMENSION, create: bool = True) -> Iterator[str]:
    """The URL of a server with an empty index; its data is in memory unless an option differs."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None  # noqa: S101 - for mypy
        url = process.stdout.readline().split()[1].rstrip(",")
        try:
            if create:
                keys = [*dataset.HIDDEN["nonFilterableMetadataKeys"], *LLAMA_INDEX_KEYS]
                index = dataset.describe_index(dimension, nonFilterableMetadataKeys=keys)
                create_bucket(connect(url), index)
            yield url
        finally:
            process.terminate()


def connect(url: str) -> Any:
    """A boto3 client of a server."""
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y")  # noqa: S106 - dummies
    return session.client("s3vectors", "us-east-1", endpoint_url=url)


def create_bucket(client: Any, *indexes: dict[str, Any]) -> None:
    """Create the bucket with these indexes."""
    client.create_vector_bucket(vectorBucketName="bench")
    for index in indexes:
        client.create_index(**index)
        while "BUILDING" in str(client.get_index(**{k: index[k] for k in dataset.NAMES})):
            pass
