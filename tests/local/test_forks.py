"""An engine belongs to the process that opened it; a forked process cannot use it.

SQLite's connections must not be carried across a fork: an acknowledged write would be lost.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from s3vectors_local import (
    DataDirectoryError,
    Engine,
    Faults,
    InheritedEngineError,
    all_clients,
    connect,
    connect_all,
    serving,
)
from support.endpoints import create_client
from support.processes.forks import run_in_child, run_script


def get_message(call, kind):
    """Return the text of the error that a call raises."""
    with pytest.raises(kind) as refused:
        call()
    return str(refused.value)


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_a_forked_process_is_refused_with_advice(tmp_path, where):
    """Each request fails at once, and the owner continues."""
    engine = Engine(tmp_path if where == "disk" else None)
    client = connect(create_client(), engine)
    client.create_vector_bucket(vectorBucketName="my-bucket")

    text = run_in_child(lambda: get_message(client.list_vector_buckets, InheritedEngineError))

    assert f"belongs to process {os.getpid()}; process" in text
    assert "s3vectors-local serve" in text
    assert "AWS_ENDPOINT_URL_S3VECTORS=http://127.0.0.1:9100" in text
    assert "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100" in text
    assert "spawn" in text
    assert (f"--data {tmp_path}" in text) is (where == "disk")
    client.create_vector_bucket(vectorBucketName="another-bucket")
    assert len(client.list_vector_buckets()["vectorBuckets"]) == 2
    engine.close()


def test_a_lock_that_another_thread_held_at_the_fork_is_not_waited_for(tmp_path):
    """This holds for the lock of the engine and that of its faults."""
    engine, faults = Engine(tmp_path), Faults()
    client = connect(create_client(), engine, faults=faults)

    with engine._lock, faults._lock:
        text = run_in_child(lambda: get_message(client.list_vector_buckets, InheritedEngineError))

    assert "was forked from it" in text
    engine.close()


def test_a_forked_process_cannot_open_the_directory_that_its_parent_has_open(tmp_path):
    """The parent may have closed it, but SQLite remembers the parent's locks."""
    engine = Engine(tmp_path)

    text = run_in_child(lambda: get_message(lambda: Engine(tmp_path), DataDirectoryError))

    assert f"belongs to process {os.getpid()}" in text
    engine.close()


def test_a_directory_closed_before_the_fork_can_be_opened_in_both(tmp_path):
    """The child has inherited no connection."""
    Engine(tmp_path).close()

    def open_and_close():
        Engine(tmp_path).close()
        return "opened"

    assert run_in_child(open_and_close) == "opened"
    open_and_close()


@pytest.mark.parametrize("language, word", [("de", "Häuser Haus"), ("en", "houses house")])
def test_a_forked_process_can_have_its_own_engine(tmp_path, language, word):
    """Another thread held the lock of a stemmer at the fork."""
    from s3vectors_local.text import get_analyzer  # noqa: PLC0415 - the test uses its cache

    engine = Engine(tmp_path / "parent")
    stems = get_analyzer(language, "uax29").parse_phrases.__self__

    def use():
        with closing(Engine(tmp_path / "child")) as own:
            client = connect(create_client(), own)
            client.create_vector_bucket(vectorBucketName="my-bucket")
            assert len(get_analyzer(language, "uax29").parse_phrases(word)) == 1
            return len(client.list_vector_buckets()["vectorBuckets"])

    with stems._lock:
        assert run_in_child(use) == 1
    engine.close()


PARENT_AND_CHILD = """
import os, sys
from s3vectors_local import Engine, connect
from support.endpoints import create_client
engine = Engine("data")
client = connect(create_client(), engine)
client.create_vector_bucket(vectorBucketName="before")
child = os.fork()
if not child:
    CHILD
os.waitpid(child, 0)
client.create_vector_bucket(vectorBucketName="after")
try:
    Engine("data")
except Exception as error:
    print(type(error).__name__)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
engine.close()
again = connect(create_client(), Engine("data"))
print([bucket["vectorBucketName"] for bucket in again.list_vector_buckets()["vectorBuckets"]])
"""


@pytest.mark.parametrize(
    "child",
    [
        "sys.exit()",
        "engine.close(); sys.exit()",
        "del client, engine; import gc; gc.collect(); sys.exit()",
        "os._exit(0)",
    ],
)
def test_the_owner_is_not_disturbed_by_the_end_of_its_child(tmp_path, child):
    """The child releases no lock and does no checkpoint, so later writes stay."""
    script = PARENT_AND_CHILD.replace("CHILD", child)

    assert run_script(script, "closes", folder=tmp_path) == [
        "DataDirectoryError",
        "['after', 'before']",
    ]


HELD = """
import os
from s3vectors_local import Engine
engine = Engine("data")
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.close(writing)
    os.read(reading, 1)  # until the parent has ended
    os._exit(0)
engine.close()
Engine("data").close()
print("opened while the child lives")
"""


def test_a_running_child_locks_no_directory(tmp_path):
    """The lock belongs to its parent."""
    assert run_script(HELD, folder=tmp_path) == ["opened while the child lives"]


def test_a_server_answers_its_parent_after_a_fork():
    """The server in the child responds with an error."""
    with (
        closing(Engine()) as engine,
        serving(engine) as url,
        closing(create_client(endpoint_url=url)) as client,
    ):
        client.create_vector_bucket(vectorBucketName="my-bucket")

        def serve_again():
            with serving(engine) as own, closing(create_client(endpoint_url=own)) as other:
                return get_message(other.list_vector_buckets, ClientError)

        assert "belongs to process" in run_in_child(serve_again)
        assert len(client.list_vector_buckets()["vectorBuckets"]) == 1


def test_many_forks_while_threads_write_lose_nothing(tmp_path):
    """Every acknowledged bucket is stored."""
    engine = Engine(tmp_path)
    client = connect(create_client(), engine)
    stop = threading.Event()
    acknowledged = []

    def write():
        while not stop.is_set():
            name = f"bucket-{threading.get_ident()}-{len(acknowledged)}"
            client.create_vector_bucket(vectorBucketName=name)
            acknowledged.append(name)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            run_in_child(lambda: get_message(client.list_vector_buckets, InheritedEngineError))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    engine.close()

    with closing(Engine(tmp_path)) as again:
        pages = connect(create_client(), again).get_paginator("list_vector_buckets").paginate()
        assert {b["vectorBucketName"] for page in pages for b in page["vectorBuckets"]} == {
            *acknowledged
        }


def test_a_process_forked_during_another_threads_request_is_refused():
    """The lock of that thread is never released in the child; a request must not wait for it."""
    with closing(Engine()) as engine, connect_all(engine):
        client = create_client()
        with all_clients._LOCK:
            text = run_in_child(
                lambda: get_message(client.list_vector_buckets, InheritedEngineError)
            )

    assert f"belongs to process {os.getpid()}; process" in text
