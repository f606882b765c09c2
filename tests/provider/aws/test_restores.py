"""Copies of a process that had loaded all it needs, like a Lambda function with SnapStart."""

from __future__ import annotations

import json
from datetime import timedelta

import boto3
import pytest

from stache_ai_s3vectors import ConfigurationError, S3VectorsProvider, Settings
from support import providers
from support.endpoints import serve
from support.processes.forks import run_script
from support.processes.restores import serve_credentials

INDEX = {"vectorBucketName": "my-bucket", "indexName": "documents"}

BEGIN = """
import json, sys
from support import providers
from support.processes import restores
from stache_ai_s3vectors.aws import deadlines

contacts = restores.record_connection_attempts()
provider = providers.create_provider(s3vectors_endpoint_url=sys.argv[1])

def search():
    return [match["text"] for match in provider.search([1.0, 2.0, 3.0, 4.0])]

def note_keys():
    keys = []
    def note(request, **_):
        keys.append(request.headers["Authorization"].decode().split("Credential=")[1].split("/")[0])
    provider.client.meta.events.register("before-send.s3vectors", note)
    return keys
"""


@pytest.fixture
def url():
    """The URL of a server with an index that has one vector."""
    with serve() as url:
        client = boto3.client("s3vectors", "us-east-1", endpoint_url=url)
        client.create_vector_bucket(vectorBucketName="my-bucket")
        client.create_index(
            **INDEX,
            dataType="float32",
            dimension=4,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow"]},
        )
        vector = {"key": "a", "data": {"float32": [1.0, 2.0, 3.0, 4.0]}, "metadata": {"text": "t"}}
        client.put_vectors(**INDEX, vectors=[vector])
        client.close()
        yield url


@pytest.fixture
def credentials(monkeypatch, request):
    """A server of credentials, the only source of them."""
    with serve_credentials(getattr(request, "param", timedelta(hours=6))) as credentials:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        for name, value in credentials.environment.items():
            monkeypatch.setenv(name, value)
        yield credentials


def run(script, url, folder):
    """Run a script, and return the JSON that it prints."""
    [line] = run_script(BEGIN + script, url, folder=folder)
    return json.loads(line)


PRELOADED = """
provider.preload()
before = list(contacts), len(restores.list_connections())
files = restores.record_events("open")

def answer():
    keys = note_keys()
    texts = search()
    return texts, sorted(set(keys)), [file for file in files if "botocore/data" in file]

print(json.dumps([before, [restores.restore(answer) for _ in range(3)]]))
"""


def test_what_preload_leaves_behind_has_no_connection_and_no_credentials(
    url, credentials, tmp_path
):
    """Each copy gets credentials of its own, reads no model, and answers."""
    before, answers = run(PRELOADED, url, tmp_path)

    assert before == [[], 0]
    assert answers == [[["t"], [key], []] for key in ("ASIA0", "ASIA1", "ASIA2")]
    assert credentials.keys == ["ASIA0", "ASIA1", "ASIA2"]


SEARCHED = """
search()
broken = restores.break_connections()

def answer():
    keys = note_keys()
    return search(), sorted(set(keys))

print(json.dumps([broken, [restores.restore(answer) for _ in range(2)]]))
"""


@pytest.mark.parametrize("credentials", [timedelta(minutes=5)], indirect=True)
def test_dead_connections_and_old_credentials_are_replaced(url, credentials, tmp_path):
    """Those of a function that searches before the snapshot, restored when they expire."""
    broken, answers = run(SEARCHED, url, tmp_path)

    assert broken == 2  # to the server, and to that of the credentials
    for texts, keys in answers:
        assert texts == ["t"]
        assert not {"ASIA0"} & {*keys}


RETRIED = """
provider.preload()

def answer():
    waits = []
    deadlines.pause = waits.append
    failed = providers.HttpResponse(503, {}, b"{}")
    providers.set_responses(provider.client, "QueryVectors", *[failed] * 4)
    return [search(), waits]

print(json.dumps([restores.restore(answer) for _ in range(4)]))
"""


def test_copies_wait_differently_before_they_try_again(url, tmp_path):
    """Otherwise all that were restored together would meet again at a busy service."""
    answers = run(RETRIED, url, tmp_path)

    assert [texts for texts, _ in answers] == [["t"]] * 4
    waits = [wait for _, waits in answers for wait in waits]
    assert len(waits) == len({*waits}) == 16


def test_preload_reports_wrong_settings(monkeypatch):
    """A function that cannot work fails when it is deployed."""
    provider = providers.create_provider(s3vectors_endpoint_url="http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "unknown")

    with pytest.raises(ConfigurationError, match=r"profile \(unknown\) could not be found"):
        provider.preload()


def test_a_local_engine_is_not_opened_by_preload(tmp_path):
    """Its directory belongs to one process."""
    S3VectorsProvider(
        Settings(s3vectors_bucket_name="b-1", s3vectors_endpoint_url="local:data")
    ).preload()

    assert [*tmp_path.iterdir()] == []
