"""`pytest --aws` runs the behavior tests against the endpoint of AWS's environment variables."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from support import ROOT
from support.endpoints import create_client, serve


@pytest.mark.long
def test_the_behavior_tests_pass_against_an_endpoint():
    """A local server replaces AWS. No data remains in it, and no test is skipped."""
    with serve() as url:
        variables = {"AWS_ENDPOINT_URL_S3VECTORS": url, "AWS_DEFAULT_REGION": "eu-west-1"}
        command = [sys.executable, "-m", "pytest", "--aws", "-q", "tests/local", "-p", "no:cov"]
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **variables},
            check=False,
        )
        client = create_client(endpoint_url=url, region_name="eu-west-1")
        remaining = client.list_vector_buckets()["vectorBuckets"]
        client.close()

    assert result.returncode == 0, result.stdout
    [passed] = re.findall(r"^(\d+) passed, \d+ deselected", result.stdout, re.MULTILINE)
    assert int(passed) > 120
    assert remaining == []
