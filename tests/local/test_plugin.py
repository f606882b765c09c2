"""The plugin's pytest fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request

THEIRS = """
import sys

def test_nothing_heavy_is_loaded_before_it_is_asked_for():
    assert not {"numpy", "uvicorn", "boto3", "s3vectors_local.engine"} & sys.modules.keys()

def test_mine(s3vectors_client, s3vectors_engine, s3vectors_server):
    s3vectors_client.create_vector_bucket(vectorBucketName="my-bucket")
    assert len(s3vectors_engine.call("ListVectorBuckets", {})["vectorBuckets"]) == 1
    import urllib.request
    assert urllib.request.urlopen(s3vectors_server + "/health").status == 200

def test_each_test_has_an_empty_engine(s3vectors_client):
    assert s3vectors_client.list_vector_buckets()["vectorBuckets"] == []
"""


def test_a_project_that_has_the_wheel_has_the_fixtures(tmp_path):
    """It needs no configuration."""
    (tmp_path / "test_theirs.py").write_text(THEIRS)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    theirs = {
        "AWS_PROFILE": "missing",
        "AWS_ENDPOINT_URL": "http://192.0.2.1",
        "AWS_RETRY_MODE": "x",
    }
    environment = {**os.environ, **theirs}  # which do not count
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )

    assert "3 passed" in result.stdout, result.stdout


def test_the_client_and_the_engine_belong_together(s3vectors_client, s3vectors_engine):
    """A vector written with one can be read with the other."""
    s3vectors_client.create_vector_bucket(vectorBucketName="my-bucket")

    assert len(s3vectors_engine.call("ListVectorBuckets", {})["vectorBuckets"]) == 1


def test_the_server_answers_until_the_test_ends(s3vectors_server):
    """It listens on this machine only."""
    assert s3vectors_server.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{s3vectors_server}/health") as response:
        assert response.status == 200


def test_without_boto3_the_fixture_says_what_to_install(tmp_path):
    """The engine itself does not need boto3."""
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['boto3'] = None\n")
    (tmp_path / "test_theirs.py").write_text("def test_mine(s3vectors_client): pass\n")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert "s3vectors_client needs boto3: pip install 'boto3>=1.44.4'" in result.stdout
