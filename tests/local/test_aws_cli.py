"""The AWS CLI works with `s3vectors-local serve`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.endpoints import serve

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture(scope="module")
def aws():
    """Return a function that runs an `aws s3vectors` command on the port of a server."""
    with serve() as url:

        def run(command):
            words = shlex.split(command.replace("http://127.0.0.1:9100", url))
            environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
            result = subprocess.run(
                [AWS, *words[1:]], capture_output=True, text=True, env=environment, check=False
            )
            assert result.returncode == 0, result.stderr
            return json.loads(result.stdout or "{}")

        run(
            "aws s3vectors create-vector-bucket --vector-bucket-name my-bucket "
            "--endpoint-url http://127.0.0.1:9100"
        )
        yield run


def test_the_documented_create_index_command_works(aws):
    """The test runs it verbatim. The older package's documents lacked --data-type."""
    created = aws(
        "aws s3vectors create-index --vector-bucket-name my-bucket --index-name my-index "
        "--data-type float32 --dimension 1024 --distance-metric cosine "
        "--metadata-configuration 'nonFilterableMetadataKeys=[\"text\"]' "
        "--endpoint-url http://127.0.0.1:9100"
    )
    results = aws(
        "aws s3vectors get-index --vector-bucket-name my-bucket --index-name my-index "
        "--endpoint-url http://127.0.0.1:9100"
    )["index"]

    assert results["indexArn"] == created["indexArn"]
    assert results["dimension"] == 1024
    assert results["metadataConfiguration"] == {"nonFilterableMetadataKeys": ["text"]}


def test_vectors_can_be_put_and_queried(aws):
    """The parameters are JSON."""
    where = "--vector-bucket-name my-bucket --index-name two --endpoint-url http://127.0.0.1:9100"
    aws(
        "aws s3vectors create-index --data-type float32 --dimension 2 "
        f"--distance-metric euclidean {where}"
    )

    vectors = '[{"key":"a","data":{"float32":[1,2]},"metadata":{"n":1}}]'
    aws(f"aws s3vectors put-vectors --vectors '{vectors}' {where}")

    query = """--top-k 1 --query-vector '{"float32":[1,3]}' --return-distance --return-metadata"""
    assert aws(f"aws s3vectors query-vectors {query} {where}") == {
        "vectors": [{"key": "a", "distance": 1.0, "metadata": {"n": 1}}],
        "distanceMetric": "euclidean",
    }
