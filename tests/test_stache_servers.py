"""Stache's own application under servers with several workers, against one s3vectors-local."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from far_ends import boto_client, server
from stache_servers import COMMANDS, Reply, serve_documents_table, serve_stache_by

COUNT = 40
LOCAL_TOUCHED = {"S3VECTORS_ENDPOINT_URL": "local:data", "TOUCH": "insert"}


@pytest.fixture(scope="module")
def documents():
    """Where Stache keeps its list of documents."""
    with serve_documents_table() as url:
        yield url


@pytest.fixture
def store():
    """The URL of an s3vectors-local with an empty bucket, and how many connections it has."""
    with server() as url:
        with closing(boto_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        yield url


def words(number):
    """A text whose words no other has; the embeddings look at letters only."""
    mark = "".join("klmnprstvz"[int(digit)] for digit in f"{number:03}")
    return f"{mark}ax lives in {mark}ostan and eats {mark}ers"


def connections(url):
    """How many connections are open to a port of this machine."""
    port = int(url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def ask_until_all_have_answered(url, workers):
    """One question after the other, until each worker has answered one."""
    seen = set()
    for _ in range(10_000):
        reply = Reply(f"{url}/api/query", {"query": "who is there", "synthesize": False})
        assert reply.status == 200, reply.answer
        seen.add(reply.process)
        if len(seen) == workers:
            return
    raise AssertionError(f"{len(seen)} of {workers} workers answered")


@pytest.mark.parametrize("touch", ["", "search", "insert"])
@pytest.mark.parametrize("kind", COMMANDS)
def test_what_several_workers_capture_is_found_by_whoever_is_asked(
    kind, touch, store, documents, tmp_path
):
    """40 captures and 40 queries, many at a time; each worker has a connection of its own."""
    urls = {"S3VECTORS_ENDPOINT_URL": store, "AWS_ENDPOINT_URL_DYNAMODB": documents}
    captures = [{"text": words(n), "namespace": f"team/{n % 4}"} for n in range(COUNT)]
    queries = [
        {"query": words(n), "namespace": f"team/{n % 4}", "synthesize": False, "rerank": False}
        for n in range(COUNT)
    ]

    with (
        serve_stache_by(kind, tmp_path, TOUCH=touch, **urls) as (url, log),
        ThreadPoolExecutor(16) as pool,
    ):
        ask_until_all_have_answered(url, COMMANDS[kind][0])
        connected = connections(store)
        captured = list(pool.map(lambda body: Reply(f"{url}/api/capture", body), captures))
        answers = list(pool.map(lambda body: Reply(f"{url}/api/query", body), queries))

    assert connected >= COMMANDS[kind][0]
    assert [reply.status for reply in (*captured, *answers)] == [200] * 2 * COUNT, log
    for query, reply in zip(queries, answers, strict=True):
        sources = reply.answer["sources"]
        assert sources[0]["text"] == query["query"]
        assert {source["metadata"]["namespace"] for source in sources} == {query["namespace"]}


def test_workers_that_inherit_a_local_engine_acknowledge_nothing(documents, tmp_path):
    """Each capture is answered with an error, and the log says why and what to do."""
    settings = {**LOCAL_TOUCHED, "AWS_ENDPOINT_URL_DYNAMODB": documents}
    with serve_stache_by("gunicorn --preload -w 2", tmp_path, **settings) as (url, log):
        body = {"text": words(1), "namespace": "team"}
        statuses = {Reply(f"{url}/api/capture", body).status for _ in range(10)}

    assert statuses == {500}
    text = "\n".join(log)
    assert "belongs to process" in text
    assert "run `s3vectors-local serve --data" in text
