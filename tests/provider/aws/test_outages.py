"""A service that fails for a moment or never answers: which calls wait, and for how long."""

from __future__ import annotations

import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise

import pytest
from botocore.exceptions import SSLError

from s3vectors_local import Engine, connect, listen
from s3vectors_local.server import Application, _Server
from stache_ai_s3vectors import UnavailableError, time_limit
from stache_ai_s3vectors.aws import deadlines
from stache_ai_s3vectors.aws.single_flight import Flight
from support import providers
from support.engine.unreliable_server import PASS, SILENT, serve_unreliably

VECTOR = [1.0, 2.0, 3.0, 4.0]
LONG = 60
"""Seconds in which a short wait ends on any machine."""


@pytest.fixture
def engine():
    """An engine with the bucket and an index that holds one vector."""
    engine = Engine()
    connect(providers.connections.get_client(providers.create_provider()._options), engine)
    providers.create_provider().insert([VECTOR], ["t"])
    providers.close_engines()
    yield engine
    engine.close()


def create_provider(url, **settings):
    """Create a provider of the server at a URL, with no write rate."""
    return providers.create_provider(s3vectors_endpoint_url=url, s3vectors_write_rate=0, **settings)


def test_all_threads_that_search_during_an_outage_get_results(engine):
    """The service answers 503 to 48 requests; botocore's own retries end after a few."""
    with serve_unreliably(engine) as server, closing(create_provider(server.url).client):
        one = create_provider(server.url)
        one.search(VECTOR)
        begun = len(server.operations)
        server.behavior = lambda _, number: 503 if number < begun + 48 else PASS

        with ThreadPoolExecutor(16) as pool:
            counts = list(pool.map(lambda _: len(one.search(VECTOR)), range(200)))

    assert counts == [1] * 200
    assert len(server.operations) == begun + 200 + 48


def test_a_service_that_is_down_gets_few_retries(engine, monkeypatch):
    """Each call sends about a dozen requests in half a minute."""
    waits = providers.skip_waiting(monkeypatch)
    with serve_unreliably(engine) as server, closing(create_provider(server.url).client):
        one = create_provider(server.url)
        one.search(VECTOR)
        server.behavior = lambda *_: 503

        with pytest.raises(UnavailableError):
            one.search(VECTOR)

    assert 8 <= len(waits) <= 20
    assert sum(waits) == pytest.approx(30)
    assert all(later > earlier for earlier, later in pairwise(waits[:5]))


class RestartableServer:
    """A server on one port that can be stopped and started again."""

    def __init__(self, engine):
        self.bound = listen("127.0.0.1", 0)
        self.port = self.bound.getsockname()[1]
        self.engine = engine
        self.run()

    def run(self):
        """Serve in a thread."""
        self.server = _Server(Application(self.engine))
        arguments = {"sockets": [self.bound]}
        self.thread = threading.Thread(target=self.server.run, kwargs=arguments)
        self.thread.start()

    def stop(self):
        """Stop serving: connections are refused from now on."""
        self.server.should_exit = True
        self.thread.join()
        self.bound.close()

    def start(self):
        """Serve again on the same port."""
        self.bound = listen("127.0.0.1", self.port)
        self.run()


def test_an_insert_completes_when_the_server_restarts_in_the_middle_of_it(tmp_path):
    """Connections are refused while the server is stopped."""
    engine = Engine(tmp_path)
    server = RestartableServer(engine)
    one = create_provider(f"http://127.0.0.1:{server.port}", s3vectors_create_index=True)
    one.client.create_vector_bucket(vectorBucketName="my-bucket")
    refused, stopped = threading.Event(), threading.Event()

    def start_when_refused():
        assert refused.wait(LONG)
        server.start()

    starter = threading.Thread(target=start_when_refused)

    def stop_once(_):
        if not stopped.is_set():
            stopped.set()
            server.stop()
            starter.start()

    def note(exception, **_):
        if exception is not None:
            refused.set()

    one.client.meta.events.register("response-received.s3vectors.PutVectors", note)
    with closing(one.client):
        ids = one.insert([VECTOR] * 5000, ["t"] * 5000, progress=stop_once)
        starter.join()
        assert len(ids) == one.count_by_filter({}) == 5000
    server.stop()
    engine.close()


def test_a_refused_connection_is_reported_sooner_if_the_endpoint_never_answered(monkeypatch):
    """Usually the endpoint is wrong or the server is not started."""
    waits = providers.skip_waiting(monkeypatch)

    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        create_provider("http://127.0.0.1:1").search(VECTOR)

    assert sum(waits) == pytest.approx(3)


def test_a_setting_limits_how_long_requests_are_retried(engine, monkeypatch):
    """0 means one attempt."""
    waits = providers.skip_waiting(monkeypatch)
    with serve_unreliably(engine, lambda *_: 503) as server:
        for seconds in (0, 7):
            waits.clear()
            one = create_provider(server.url, s3vectors_retry_seconds=seconds)
            with closing(one.client), pytest.raises(UnavailableError):
                one.search(VECTOR)
            assert sum(waits) == pytest.approx(seconds)


def test_a_time_limit_limits_retries_in_all_threads_of_a_call(engine):
    """It can be the time that a Lambda function has left."""
    with serve_unreliably(engine) as server, closing(create_provider(server.url).client):
        one = create_provider(server.url)
        one.search(VECTOR)
        server.behavior = lambda *_: 503

        with time_limit(0), time_limit(60):
            with pytest.raises(UnavailableError):
                one.search(VECTOR)
            with pytest.raises(UnavailableError):
                one.insert([VECTOR] * 2000, ["t"] * 2000, ids=[str(n) for n in range(2000)])
        server.behavior = lambda *_: PASS
        assert len(one.search(VECTOR)) == 1

    assert server.operations.count("QueryVectors") == 3
    assert server.operations.count("PutVectors") <= 4


def test_a_wrong_certificate_is_not_retried(monkeypatch):
    """A retry would fail in the same way."""
    providers.skip_waiting(monkeypatch)
    one = providers.create_provider()
    one.get_collection_info()
    error = SSLError(endpoint_url="https://x", error="CERTIFICATE_VERIFY_FAILED")
    attempts = []

    def fail(**_):
        attempts.append("GetVectors")
        raise error

    one.client.meta.events.register_first("before-send.s3vectors.GetVectors", fail)
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        one.get_by_ids(["a"])

    assert attempts == ["GetVectors"]


def test_a_call_that_hangs_blocks_no_other_thread(engine):
    """The other threads use the index's cached description."""
    with serve_unreliably(engine) as server, closing(create_provider(server.url).client):
        one = create_provider(server.url)
        one.search(VECTOR)
        server.behavior = lambda operation, _: SILENT if operation == "GetIndex" else PASS
        hanging = threading.Thread(target=one.get_collection_info)
        hanging.start()
        assert server.hanging.acquire(timeout=LONG)

        with ThreadPoolExecutor(4) as pool:
            counts = list(pool.map(lambda _: len(one.search(VECTOR)), range(20)))
        assert hanging.is_alive()
        server.recover()
        hanging.join()

    assert counts == [1] * 20


def test_a_hybrid_search_that_refreshes_the_description_blocks_no_other_thread(monkeypatch):
    """Searches refresh it now and then while the index has no text search."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 0)
    engine = Engine()
    hybrid = {"s3vectors_search_mode": "hybrid"}
    with serve_unreliably(engine) as server, closing(create_provider(server.url, **hybrid).client):
        one = create_provider(server.url, **hybrid)
        providers.create_older_index(one)
        one.insert([VECTOR], ["t"])
        context = [providers.create_context("t") for _ in range(5)]
        one.search(VECTOR, context=context[0])
        server.behavior = lambda operation, _: SILENT if operation == "GetIndex" else PASS
        hanging = threading.Thread(target=one.search, args=[VECTOR], kwargs={"context": context[1]})
        hanging.start()
        assert server.hanging.acquire(timeout=LONG)

        monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 1000)
        counts = [len(one.search(VECTOR, context=other)) for other in context[2:]]
        assert hanging.is_alive()
        server.recover()
        hanging.join()
    engine.close()

    assert counts == [1] * 3


def test_threads_that_need_the_same_response_share_one_call_and_its_error(engine):
    """They do not call one after the other, each with its own wait."""
    with serve_unreliably(engine, lambda *_: SILENT) as server:
        one = create_provider(server.url, s3vectors_retry_seconds=0)
        together = threading.Barrier(4, timeout=LONG)

        def search(_):
            together.wait()
            with pytest.raises(UnavailableError) as failed:
                one.search(VECTOR)
            return failed.value

        with closing(one.client), ThreadPoolExecutor(4) as pool:
            answers = pool.map(search, range(4))
            assert server.hanging.acquire(timeout=LONG)
            server.recover()
            errors = list(answers)

    assert len({str(error) for error in errors}) == 1
    assert all(error.__cause__ is not None for error in errors)
    assert len(server.operations) <= 4


def test_a_thread_with_time_left_repeats_a_shared_call_that_got_no_response():
    """Its own time limit is later than that of the shared call."""
    flight = Flight()
    entered, go_on = threading.Event(), threading.Event()

    def unanswered():
        entered.set()
        assert go_on.wait(LONG)
        raise UnavailableError("no answer")

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(flight.run, unanswered)
        assert entered.wait(LONG)
        patient = pool.submit(flight.run, lambda: "answer", LONG)
        hasty = pool.submit(flight.run, lambda: "answer")
        go_on.set()

        assert patient.result() == "answer"
        assert isinstance(hasty.exception(), UnavailableError) or hasty.result() == "answer"
        assert isinstance(first.exception(), UnavailableError)


def test_a_time_limit_ends_the_wait_for_another_threads_call():
    """The other thread has a time limit of its own."""
    flight = Flight()
    entered, go_on = threading.Event(), threading.Event()

    def slow():
        entered.set()
        assert go_on.wait(LONG)
        return "late"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(flight.run, slow)
        assert entered.wait(LONG)
        with time_limit(0.01), pytest.raises(UnavailableError, match="time limit ended"):
            flight.run(lambda: "never called")
        go_on.set()
        assert first.result() == "late"


def test_a_signal_handler_can_make_the_call_that_its_thread_is_making():
    """It would otherwise wait for itself."""
    flight = Flight()

    assert flight.run(lambda: flight.run(lambda: "inner") + " and outer") == "inner and outer"
    assert flight.run(lambda: "again") == "again"


def test_a_thread_that_shares_an_interrupted_call_repeats_it():
    """Ctrl-C in one thread does not end the call of another."""
    flight = Flight()
    entered, go_on = threading.Event(), threading.Event()

    def interrupted():
        entered.set()
        assert go_on.wait(LONG)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flight.run, interrupted)
        assert entered.wait(LONG)
        second = pool.submit(flight.run, lambda: "answer")
        go_on.set()

        assert second.result() == "answer"
        assert isinstance(first.exception(), KeyboardInterrupt)


@pytest.fixture
def ctrl_c():
    """A function that presses Ctrl-C when the server hangs for the n-th time."""
    threads = []

    def press(server, times):
        def wait():
            for _ in range(times):
                assert server.hanging.acquire(timeout=LONG)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        threads.append(threading.Thread(target=wait))
        threads[0].start()

    yield press
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("ids", ["own", "generated"])
def test_an_interrupted_insert_ends_although_the_service_hangs(engine, ctrl_c, caplog, ids):
    """It ends before the server answers and logs how many vectors are known to be stored."""
    with serve_unreliably(engine) as server, closing(create_provider(server.url).client):
        one = create_provider(server.url)
        one.search(VECTOR)
        puts = []

        def behave(operation, _):
            puts.append(operation)
            return PASS if puts.count("PutVectors") == len(puts) <= 2 else SILENT

        server.behavior = behave
        ctrl_c(server, 3)
        own = [str(n) for n in range(4000)]

        with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING):
            one.insert([VECTOR] * 4000, ["t"] * 4000, ids=own if ids == "own" else None)

        assert not server.recovered.is_set()
        server.recover()
        if ids == "generated":
            wait_until_only_one_is_stored(engine)

    assert "1000 of 4000 vectors are known to be stored" in caplog.text
    assert ("will be deleted" in caplog.text) is (ids == "generated")


def test_after_an_interruption_generated_ids_are_deleted_in_the_background(engine, ctrl_c):
    """They are deleted when the service answers again, if the process still runs."""
    with serve_unreliably(engine) as server, closing(create_provider(server.url).client):
        one = create_provider(server.url)
        one.search(VECTOR)
        server.behavior = lambda _, number: SILENT if number % 2 else PASS
        ctrl_c(server, 2)
        with pytest.raises(KeyboardInterrupt):
            one.insert([VECTOR] * 4000, ["t"] * 4000)
        server.recover()

        wait_until_only_one_is_stored(engine)


def wait_until_only_one_is_stored(engine):
    """Wait until the vectors of the interrupted insert are deleted."""
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    deadline = time.monotonic() + LONG
    while len(engine.call("ListVectors", names)["vectors"]) > 1:
        assert time.monotonic() < deadline


BULK = {
    "search": lambda p, _: p.search(VECTOR),
    "scan": lambda p, _: p.count_by_filter({}),
    "get": lambda p, ids: p.get_by_ids(ids),
    "delete": lambda p, ids: p.delete(ids),
    "delete in a namespace": lambda p, ids: p.delete(ids, namespace="default"),
    "delete by filter": lambda p, _: p.delete_by_metadata("text2", "t"),
    "update_status": lambda p, ids: p.update_status(ids, None, "deleting"),
}
WRITES = {"delete", "delete in a namespace", "delete by filter", "update_status"}


@pytest.mark.parametrize("call", BULK)
def test_every_interrupted_call_ends_although_the_service_hangs(engine, ctrl_c, caplog, call):
    """The service hangs for ten minutes; writes log how many vectors are known to be done."""
    with serve_unreliably(engine) as server:
        patient = {"s3vectors_read_timeout": 600, "s3vectors_retry_seconds": 600}
        one = create_provider(server.url, **patient)
        ids = [str(n) for n in range(3000)]
        one.insert([VECTOR] * 3000, ["t"] * 3000, [{"text2": "t"}] * 3000, ids=ids)
        writes = {"DeleteVectors", "PutVectors"}
        silent = writes if call in WRITES else {"QueryVectors", "ListVectors", "GetVectors"}
        server.behavior = lambda operation, _: SILENT if operation in silent else PASS
        ctrl_c(server, 1)
        began = time.monotonic()

        with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING):
            BULK[call](one, ids)

        assert time.monotonic() - began < LONG / 2
        assert not server.recovered.is_set()
        before = len(server.operations)
        server.recover()
        one.client.close()

    assert ("vectors are known to be" in caplog.text) is (call in WRITES)
    assert caplog.text.count("was interrupted by KeyboardInterrupt") == (call in WRITES)
    assert len(server.operations) == before


def list_workers():
    """List the threads that make calls for others."""
    return {thread for thread in threading.enumerate() if "(_run_queue)" in thread.name}


@pytest.mark.parametrize("call", ["delete", "delete in a namespace", "update_status"])
def test_after_an_interruption_nothing_more_is_sent(engine, call):
    """Threads that wait for the write rate send nothing either."""
    with serve_unreliably(engine) as server:
        one = providers.create_provider(
            s3vectors_endpoint_url=server.url, s3vectors_write_rate=10.0, s3vectors_retry_seconds=9
        )  # other settings give it a connection and a pace of its own
        ids = [str(n) for n in range(1600)]
        create_provider(server.url).insert([VECTOR] * 1600, ["t"] * 1600, ids=ids)
        waiting = threading.Semaphore(0)
        one._index._state.pace._sleep = lambda seconds: (
            waiting.release(),
            deadlines.pause(seconds),
        )

        def press():
            # A plain delete waits for the rate in the caller's thread
            for _ in range(1 if call == "delete" else 2):
                assert waiting.acquire(timeout=LONG)
            working.update(list_workers() - before)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        presser = threading.Thread(target=press)
        before, working = list_workers(), set()
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            BULK[call](one, ids)
        for thread in working:
            thread.join(LONG)
        written = sum(op in ("DeleteVectors", "PutVectors") for op in server.operations)
        one.client.close()

    assert working
    assert not any(thread.is_alive() for thread in working)
    assert written <= 4 + 5  # those of the insert, and those that need not wait for the rate


@pytest.mark.parametrize("call", ["delete", "delete in a namespace", "update_status"])
def test_a_large_call_gives_up_after_one_round_of_failed_requests(engine, call):
    """It does not wait until each of its many requests has used its time."""
    with serve_unreliably(engine, lambda *_: 503) as server:
        one = create_provider(server.url, s3vectors_max_attempts=1)
        server.behavior = lambda operation, _: PASS if operation == "GetIndex" else 503

        with closing(one.client), pytest.raises(UnavailableError):
            BULK[call](one, [str(n) for n in range(20_000)])

    assert len(server.operations) <= 1 + 8 + 8


def test_a_server_without_tls_is_reported_sooner(engine, monkeypatch):
    """The URL has https:// instead of http://."""
    waits = providers.skip_waiting(monkeypatch)
    with serve_unreliably(engine) as server:
        one = create_provider(server.url.replace("http:", "https:"))
        with closing(one.client), pytest.raises(UnavailableError, match="SSL"):
            one.search(VECTOR)

    assert sum(waits) == pytest.approx(3)
