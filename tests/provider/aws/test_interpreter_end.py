"""Calls that a script makes while its interpreter ends are carried out to the last vector."""

from __future__ import annotations

import threading

import pytest

from stache_ai_s3vectors.aws.parallel import call_in_parallel
from support import providers
from support.endpoints import create_client, serve
from support.processes.forks import run_script

BEGIN = """
import atexit, threading
from concurrent.futures import ThreadPoolExecutor
from support import providers
provider = providers.create_provider(
    s3vectors_endpoint_url=ENDPOINT, s3vectors_create_index=True, s3vectors_write_rate=0
)
COUNT = 2000
def work():
    ids = provider.insert([[1.0, 2.0, 3.0, 4.0]] * COUNT, ["t"] * COUNT)
    print(len(ids), provider.count_by_filter({}), provider.update_status(ids, None, "deleting"))
"""

LAST_LINES = {
    "a pool": "ThreadPoolExecutor(1).submit(work)",
    "a thread": "threading.Thread(target=work).start()",
    "atexit": "atexit.register(work)",
    "atexit, registered first": "",  # the test registers it before the imports
    "no threads": "threading.stack_size(1 << 46); work()",
}


@pytest.mark.parametrize("last", LAST_LINES)
@pytest.mark.parametrize("where", ["local:data", "local:", "http"])
def test_a_call_while_the_interpreter_ends_is_carried_out_whole(tmp_path, last, where):
    """When no thread can be started any more, the caller's thread does the work."""
    script = BEGIN + LAST_LINES[last]
    if not LAST_LINES[last]:
        script = "import atexit\natexit.register(lambda: work())\n" + BEGIN
    if where == "http":
        with serve() as url:
            client = create_client(endpoint_url=url)
            client.create_vector_bucket(vectorBucketName="my-bucket")
            client.close()
            lines = run_script(script.replace("ENDPOINT", repr(url)), folder=tmp_path)
    else:
        lines = run_script(script.replace("ENDPOINT", repr(where)), folder=tmp_path)

    assert lines == ["2000 2000 2000"]


@pytest.fixture
def no_threads():
    """No thread can be started: each would need a stack of 64 TiB."""
    before = threading.stack_size(1 << 46)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("no_threads")
def test_without_threads_calls_run_one_by_one_in_the_callers_thread():
    """Each item is called once, in order."""
    calls = call_in_parallel(lambda n: (n, threading.get_ident()), range(20), 4)

    assert [call.result() for _, call in calls] == [(n, threading.get_ident()) for n in range(20)]


@pytest.mark.usefixtures("no_threads")
def test_without_threads_an_error_is_raised_when_its_result_is_read():
    """An interruption is raised at once."""

    def fail(number):
        raise (KeyboardInterrupt if number == 2 else ValueError(str(number)))

    calls = call_in_parallel(fail, range(4), 1)

    assert str(next(calls)[1].exception()) == "0"
    with pytest.raises(KeyboardInterrupt):
        list(calls)


@pytest.mark.usefixtures("no_threads")
def test_without_threads_the_local_engine_builds_its_text_search_at_once():
    """With threads, a thread builds it in the background."""
    provider = providers.create_provider()
    provider.insert([[1.0, 2.0, 3.0, 4.0]], ["t"])

    assert provider.get_collection_info()["textSearch"] == {"text": "ACTIVE"}
    provider.client.create_index(
        vectorBucketName="my-bucket",
        indexName="another",
        dataType="float32",
        dimension=4,
        distanceMetric="cosine",
        metadataConfiguration={"textSearchConfigurations": [{"metadataKey": "text"}]},
    )
    assert providers.create_provider("another").get_collection_info()["textSearch"] == {
        "text": "ACTIVE"
    }
