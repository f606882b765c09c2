"""After a fork, everything cached between calls belongs to the process that created it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stache_ai_s3vectors import ConfigurationError, time_limit
from stache_ai_s3vectors.aws import connections, deadlines
from support import providers
from support.endpoints import serve
from support.processes.forks import TIMEOUT_SECONDS, run_in_child, run_script

VECTOR = [1.0, 2.0, 3.0, 4.0]
TENANTS = [f"tenant{n}" for n in range(4)]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@contextmanager
def serve_provider():
    """Serve an engine, and create a provider of it."""
    with serve() as url:
        provider = providers.create_provider(
            s3vectors_endpoint_url=url, s3vectors_create_index=True, s3vectors_write_rate=0
        )
        with closing(provider.client) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
            yield provider


def search_own_namespace(settings):
    """Search a tenant's own namespace 150 times in a child; return what it gets."""
    tenant, url = settings
    provider = providers.create_provider(s3vectors_endpoint_url=url)
    with closing(provider.client):
        hits = [provider.search(VECTOR, 5, namespace=tenant) for _ in range(150)]
    return {result["namespace"] for results in hits for result in results}, set(map(len, hits))


def test_children_that_search_at_the_same_time_get_their_own_results():
    """Processes that share a connection would get each other's responses."""
    with serve_provider() as parent:
        for tenant in TENANTS:
            parent.insert([VECTOR] * 5, ["t"] * 5, namespace=tenant)
        parent.search(VECTOR)  # it leaves a connection in the pool
        url = parent._options.endpoint

        with multiprocessing.get_context("fork").Pool(4) as pool:
            tasks = [(tenant, url) for tenant in TENANTS]
            answers = pool.map_async(search_own_namespace, tasks, chunksize=1).get(TIMEOUT_SECONDS)

    assert answers == [({tenant}, {5}) for tenant in TENANTS]


def test_a_provider_works_in_parent_and_child_after_a_fork():
    """Each process has its own client and requests the index's description again."""
    with serve_provider() as provider:
        provider.insert([VECTOR], ["parent's"], namespace="parent")
        client, shared = provider.client, provider._index._state

        def work():
            provider.insert([VECTOR], ["child's"], namespace="child")
            texts = [result["text"] for result in provider.search(VECTOR, namespace="child")]
            alone = provider.client is not client and provider._index._state is not shared
            provider.client.close()
            return texts, alone

        assert run_in_child(work) == (["child's"], True)
        assert provider.client is client
        assert [r["text"] for r in provider.search(VECTOR, namespace="parent")] == ["parent's"]
        assert provider.count_by_filter({}) == 2


def test_locks_that_other_threads_hold_at_a_fork_block_no_child():
    """These are the locks of connections, index state, pace and a call under way."""
    with serve_provider() as provider:
        provider.insert([VECTOR], ["t"], ids=["a"])
        entered, go_on = threading.Event(), threading.Event()

        def hold(**_):
            entered.set()
            assert go_on.wait(TIMEOUT_SECONDS)

        provider.client.meta.events.register_first("before-send.s3vectors.GetIndex", hold)
        asking = threading.Thread(target=provider.get_collection_info)
        asking.start()
        assert entered.wait(TIMEOUT_SECONDS)  # the call is under way

        def work():
            provider.insert([VECTOR], ["t"], ids=["b"])
            with closing(provider.client):
                return provider.get_collection_info()["dimension"]

        process = connections._process
        with process.lock, process.engines_lock, provider._index._connection._lock:
            answer = run_in_child(work)
        go_on.set()
        asking.join()

    assert answer == 4


def test_a_time_limit_around_a_fork_holds_in_the_child():
    """It holds whichever of its locks another thread has at the fork."""
    with time_limit(1000):
        current = deadlines._current.get()
        with current._cancelled._cond:
            left = run_in_child(
                lambda: (deadlines.pause(0.001), deadlines.get_remaining_seconds())[1]
            )

    assert 0 < left <= 1000


def test_a_fork_of_a_fork_has_its_own_state():
    """Servers that fork workers may themselves be forked."""
    with serve_provider() as provider:
        provider.insert([VECTOR], ["t"])

        def count():
            with closing(provider.client):
                return provider.count_by_filter({})

        assert run_in_child(lambda: (count(), run_in_child(count))) == (1, 1)


def get_refusal(call):
    """Get the message with which a local engine refuses a call."""
    with pytest.raises(ConfigurationError) as error:
        call()
    return str(error.value)


@pytest.mark.parametrize("endpoint", ["local:data", "local:"])
def test_a_child_cannot_use_the_engine_of_its_parent(endpoint):
    """Neither the inherited provider nor a new one works; nothing is acknowledged or lost."""
    provider = providers.create_provider(s3vectors_endpoint_url=endpoint)
    provider.insert([VECTOR], ["t"], ids=["a"])

    def work():
        new = providers.S3VectorsProvider(provider.settings, "documents")
        return [
            get_refusal(call)
            for one in (provider, new)
            for call in (
                lambda one=one: one.insert([VECTOR], ["t"]),
                lambda one=one: one.search(VECTOR),
                lambda one=one: one.count_by_filter({}),
            )
        ]

    messages = run_in_child(work)

    assert len(messages) == 6
    for message in messages:
        assert f"belongs to process {os.getpid()}" in message
        assert "run `s3vectors-local serve" in message
        assert "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100" in message
        assert "spawn" in message
    provider.insert([VECTOR], ["t"], ids=["b"])
    providers.close_engines()
    assert providers.create_provider(s3vectors_endpoint_url=endpoint).count_by_filter({}) == (
        2 if endpoint == "local:data" else 0
    )


def test_a_lock_of_the_engine_held_at_a_fork_blocks_no_child():
    """The child has only the thread that forked."""
    provider = providers.create_provider(s3vectors_endpoint_url="local:data")
    provider.insert([VECTOR], ["t"])

    with providers.get_engine(f"local:{Path.cwd()}/data")._lock:
        assert "belongs to process" in run_in_child(
            lambda: get_refusal(lambda: provider.search(VECTOR))
        )


def insert_one(number):
    """Insert a vector in a worker of a pool; return the outcome."""
    try:
        providers.create_provider(s3vectors_endpoint_url="local:data").insert([VECTOR], ["t"])
    except ConfigurationError as error:
        return str(error)
    return "acknowledged"


def test_a_pool_of_forked_processes_is_refused_and_does_not_hang():
    """Fork is the default on Linux up to Python 3.13."""
    providers.create_provider(s3vectors_endpoint_url="local:data").insert([VECTOR], ["t"])

    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        answers = list(pool.map(insert_one, range(4), timeout=TIMEOUT_SECONDS))

    assert all("belongs to process" in answer for answer in answers)
    assert providers.create_provider(s3vectors_endpoint_url="local:data").count_by_filter({}) == 1


TWO_WRITERS = """
import os, sys
from support import providers
from stache_ai_s3vectors import ConfigurationError
provider = providers.create_provider(s3vectors_endpoint_url="local:data")
vector = [1.0, 2.0, 3.0, 4.0]
provider.insert([vector], ["before"])
child = os.fork()
acknowledged = 0
for n in range(100):
    try:
        provider.insert([vector], ["after"])
        acknowledged += 1
    except ConfigurationError:
        pass
if not child:
    sys.exit(acknowledged)
_, status = os.waitpid(child, 0)
print(acknowledged, os.waitstatus_to_exitcode(status))
providers.close_engines()
print(provider.count_by_filter({}))
"""


def test_of_two_writers_only_the_owner_is_acknowledged_and_nothing_is_lost(tmp_path):
    """The child ends as a script does, with all of Python's cleanup."""
    assert run_script(TWO_WRITERS, folder=tmp_path) == ["100 0", "101"]


def test_the_error_for_another_process_on_the_same_path_names_owner_and_remedy():
    """The workers of a server each open the path."""
    providers.create_provider(s3vectors_endpoint_url="local:data").insert([VECTOR], ["t"])

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        [message] = pool.map(insert_one, [0], timeout=TIMEOUT_SECONDS)

    assert f"belongs to a running engine (process {os.getpid()})" in message
    assert "one process at a time" in message
    assert f"s3vectors-local serve --data {Path.cwd()}/data" in message
    assert "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100" in message
