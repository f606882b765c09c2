"""The example function with SnapStart: its copies answer, and share nothing."""

from __future__ import annotations

import json
import os
import shutil

import pytest

import build_package
from support.deployment import lambda_function
from support.deployment.function_life import CAT, find_texts
from support.processes.forks import run_script
from support.processes.loopback import CREDENTIALS
from support.processes.restores import serve_credentials
from support.simulated import simulate_aws
from support.simulated.aws import PYTHON
from support.simulated.runtime import run_function

FOLDERS = [file.parent for file in build_package.OURS[1:]]
"""The folders of the function's own modules."""

INDEXES = ("documents-1024", "summaries-1024", "insights-1024")

SCRIPT = """
import json, random, sys
from support.processes import restores

sys.path[:0] = sys.argv[2:]
contacts = restores.record_connection_attempts()
import handler  # Lambda does only this before the snapshot

before = list(contacts), len(restores.list_connections())
modules = {name.partition(".")[0] for name in sys.modules}
files = restores.record_events("open")

class Invocation:
    def get_remaining_time_in_millis(self):
        return 60_000

def invoke(**event):
    answer = handler.handler(event, Invocation())
    packages = {name.partition(".")[0] for name in sys.modules} - modules
    models = [file for file in files if "botocore/data" in file]
    return answer, random.random(), sorted(packages - sys.stdlib_module_names), models

ingested = restores.restore(lambda: invoke(action="ingest", text=sys.argv[1], filename="cat.txt"))
question = {"action": "query", "question": "where does the cat sleep?"}
print(json.dumps([before, ingested, [restores.restore(lambda: invoke(**question)) for _ in "123"]]))
"""


@pytest.fixture
def credentials(monkeypatch):
    """Prepare the function's environment in a simulated AWS, and yield the credential server."""
    with simulate_aws() as aws, serve_credentials(key=CREDENTIALS["AWS_ACCESS_KEY_ID"]) as server:
        vectors = aws.make_client("s3vectors")
        vectors.create_vector_bucket(vectorBucketName="my-bucket")
        for name in INDEXES:
            vectors.create_index(
                vectorBucketName="my-bucket",
                indexName=name,
                dataType="float32",
                dimension=1024,
                distanceMetric="cosine",
                metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow"]},
            )
        lambda_function.create_tables(aws.make_client("dynamodb"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        own = {**lambda_function.ENVIRONMENT, **server.environment, "AWS_ENDPOINT_URL": aws.url}
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("S3VECTORS_ENDPOINT_URL")
        monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
        yield server


def test_the_package_works_with_snap_start(credentials, function_zip, tmp_path):
    """AWS's runtime client runs it. It requests credentials once it has been restored."""
    shutil.unpack_archive(function_zip, tmp_path / "package")
    configuration = {
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:stache:1",
        "FunctionName": "stache",
        "Handler": "handler.handler",
        "MemorySize": 1024,
        "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
        "Timeout": 60,
        "Version": "1",
    }
    own = (*lambda_function.ENVIRONMENT, "AWS_ENDPOINT_URL")
    environment = {name: os.environ[name] for name in own if name in os.environ}

    with run_function(
        tmp_path / "package", configuration, {**environment, **CREDENTIALS}, PYTHON
    ) as function:
        function.invoke({"action": "ingest", "text": CAT, "filename": "cat.txt"})
        texts = find_texts(function)

    assert texts == [CAT]
    paths = [path.rpartition("runtime/")[2] for path in function.requested_paths]
    assert paths[:2] == ["restore/next", "invocation/next"]
    assert "/credentials" in paths


def test_copies_of_the_function_answer_and_share_nothing(credentials, tmp_path):
    """No request precedes the snapshot; each copy has its own credentials and random numbers."""
    [line] = run_script(SCRIPT, CAT, *FOLDERS, folder=tmp_path)
    before, ingested, answers = json.loads(line)

    assert before == [[], 0]
    assert ingested[0]["action"] == "ingested_new"
    assert [[passage["text"] for passage in each[0]["passages"]] for each in answers] == [[CAT]] * 3
    assert len({number for _, number, _, _ in [ingested, *answers]}) == 4
    assert len(credentials.keys) >= 4


def test_copies_load_no_package_or_model(credentials, tmp_path):
    """So the snapshot saves this time."""
    [line] = run_script(SCRIPT, CAT, *FOLDERS, folder=tmp_path)
    _, ingested, answers = json.loads(line)

    assert [(packages, models) for _, _, packages, models in [ingested, *answers]] == [([], [])] * 4
