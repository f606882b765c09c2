"""Stache's own application runs with several workers and one s3vectors-local."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from support.endpoints import create_client, serve
from support.stache.servers import COMMANDS, WorkerResponse, serve_documents_table, serve_stache_by

COUNT = 40
LOCAL_TOUCHED = {"S3VECTORS_ENDPOINT_URL": "local:data", "USE_AT_IMPORT": "insert"}


@pytest.fixture(scope="module")
def documents():
    """Serve Stache's table of documents, and return the URL."""
    with serve_documents_table() as url:
        yield url


@pytest.fixture
def store():
    """Serve an s3vectors-local with an empty bucket, and return the URL."""
    with serve() as url:
        with closing(create_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        yield url


def make_text(number):
    """Return a text with words that no other text has; the embeddings use letters only."""
    mark = "".join("klmnprstvz"[int(digit)] for digit in f"{number:03}")
    return f"{mark}ax lives in {mark}ostan and eats {mark}ers"


def count_connections(url):
    """Return the number of open connections to a port of this machine."""
    port = int(url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def query_until_all_workers_answered(url, workers):
    """Send one query after the other, until each worker has answered one."""
    answered = set()
    for _ in range(10_000):
        response = WorkerResponse(
            f"{url}/api/query", {"query": "who is there", "synthesize": False}
        )
        assert response.status == 200, response.body
        answered.add(response.worker)
        if len(answered) == workers:
            return
    raise AssertionError(f"{len(answered)} of {workers} workers answered")


@pytest.mark.parametrize("touch", ["", "search", "insert"])
@pytest.mark.parametrize("kind", COMMANDS)
def test_every_worker_finds_what_another_one_captured(kind, touch, store, documents, tmp_path):
    """40 captures and 40 queries run, many at a time; each worker has its own connection."""
    urls = {"S3VECTORS_ENDPOINT_URL": store, "AWS_ENDPOINT_URL_DYNAMODB": documents}
    captures = [{"text": make_text(n), "namespace": f"team/{n % 4}"} for n in range(COUNT)]
    queries = [
        {"query": make_text(n), "namespace": f"team/{n % 4}", "synthesize": False, "rerank": False}
        for n in range(COUNT)
    ]

    with (
        serve_stache_by(kind, tmp_path, USE_AT_IMPORT=touch, **urls) as (url, log),
        ThreadPoolExecutor(16) as pool,
    ):
        query_until_all_workers_answered(url, COMMANDS[kind][0])
        connected = count_connections(store)
        captured = list(pool.map(lambda body: WorkerResponse(f"{url}/api/capture", body), captures))
        answers = list(pool.map(lambda body: WorkerResponse(f"{url}/api/query", body), queries))

    assert connected >= COMMANDS[kind][0]
    assert [response.status for response in (*captured, *answers)] == [200] * 2 * COUNT, log
    for query, response in zip(queries, answers, strict=True):
        sources = response.body["sources"]
        assert sources[0]["text"] == query["query"]
        assert {source["metadata"]["namespace"] for source in sources} == {query["namespace"]}


def test_workers_that_inherit_a_local_engine_acknowledge_nothing(documents, tmp_path):
    """Each capture is answered with an error; the log says why and what to do."""
    settings = {**LOCAL_TOUCHED, "AWS_ENDPOINT_URL_DYNAMODB": documents}
    with serve_stache_by("gunicorn --preload -w 2", tmp_path, **settings) as (url, log):
        body = {"text": make_text(1), "namespace": "team"}
        statuses = {WorkerResponse(f"{url}/api/capture", body).status for _ in range(10)}

    assert statuses == {500}
    text = "\n".join(log)
    assert "belongs to process" in text
    assert "run `s3vectors-local serve --data" in text
