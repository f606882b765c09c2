"""A service that is away for a moment, or that never answers: what waits, and for how long."""

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

import stache
from moody import PASS, SILENT, serve_moody
from s3vectors_local import Engine, connect, listen
from s3vectors_local.server import Application, _Server
from stache_ai_s3vectors import UnavailableError, time_limit
from stache_ai_s3vectors.aws import deadlines
from stache_ai_s3vectors.aws.single_flight import Flight

VECTOR = [1.0, 2.0, 3.0, 4.0]
LONG = 60
"""Seconds in which what takes a moment ends, on whatever machine."""


@pytest.fixture
def engine():
    """With the bucket and an index, and a vector in it."""
    engine = Engine()
    connect(stache.connections.connect(stache.provider()._options), engine)
    stache.provider().insert([VECTOR], ["t"])
    stache.close_engines()
    yield engine
    engine.close()


def provider(url, **settings):
    """A provider of the server there, without a pace."""
    return stache.provider(s3vectors_endpoint_url=url, s3vectors_write_rate=0, **settings)


def test_threads_that_search_while_the_service_is_down_all_find_something(engine):
    """It answers 503 to the first 48 requests; botocore's own retries end after a few."""
    with serve_moody(engine) as server, closing(provider(server.url).client):
        one = provider(server.url)
        one.search(VECTOR)
        begun = len(server.seen)
        server.behaviour = lambda _, number: 503 if number < begun + 48 else PASS

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: len(one.search(VECTOR)), range(200)))

    assert found == [1] * 200
    assert len(server.seen) == begun + 200 + 48


def test_a_service_that_is_down_is_not_stormed(engine, monkeypatch):
    """Each call's tries become rare: a dozen in half a minute."""
    waits = stache.without_waiting(monkeypatch)
    with serve_moody(engine) as server, closing(provider(server.url).client):
        one = provider(server.url)
        one.search(VECTOR)
        server.behaviour = lambda *_: 503

        with pytest.raises(UnavailableError):
            one.search(VECTOR)

    assert 8 <= len(waits) <= 20
    assert sum(waits) == pytest.approx(30, abs=1)
    assert all(later > earlier for earlier, later in pairwise(waits[:5]))


class Restarted:
    """A server on one port, which can be stopped and started again."""

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
        """From now on connections are refused."""
        self.server.should_exit = True
        self.thread.join()
        self.bound.close()

    def start(self):
        """On the same port."""
        self.bound = listen("127.0.0.1", self.port)
        self.run()


def test_a_server_that_is_started_again_in_the_middle_of_an_insert_gets_all_of_it(tmp_path):
    """Connections are refused meanwhile."""
    engine = Engine(tmp_path)
    server = Restarted(engine)
    one = provider(f"http://127.0.0.1:{server.port}", s3vectors_create_index=True)
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


def test_where_nobody_has_ever_answered_a_refused_connection_is_reported_sooner(monkeypatch):
    """Mostly the endpoint is wrong, or the server is not started."""
    waits = stache.without_waiting(monkeypatch)

    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        provider("http://127.0.0.1:1").search(VECTOR)

    assert sum(waits) == pytest.approx(3, abs=0.5)


def test_a_setting_says_how_long_is_tried_again(engine, monkeypatch):
    """0: once."""
    waits = stache.without_waiting(monkeypatch)
    with serve_moody(engine, lambda *_: 503) as server:
        for seconds in (0, 7):
            waits.clear()
            one = provider(server.url, s3vectors_retry_seconds=seconds)
            with closing(one.client), pytest.raises(UnavailableError):
                one.search(VECTOR)
            assert sum(waits) == pytest.approx(seconds, abs=0.5)


def test_a_time_limit_says_so_too_for_the_calls_inside(engine):
    """What is left of a Lambda function's time, for instance; also in the threads of a call."""
    with serve_moody(engine) as server, closing(provider(server.url).client):
        one = provider(server.url)
        one.search(VECTOR)
        server.behaviour = lambda *_: 503

        with time_limit(0), time_limit(60):
            with pytest.raises(UnavailableError):
                one.search(VECTOR)
            with pytest.raises(UnavailableError):
                one.insert([VECTOR] * 2000, ["t"] * 2000, ids=[str(n) for n in range(2000)])
        server.behaviour = lambda *_: PASS
        assert len(one.search(VECTOR)) == 1

    assert server.seen.count("QueryVectors") == 3
    assert server.seen.count("PutVectors") <= 4


def test_a_certificate_that_is_wrong_is_not_tried_again(monkeypatch):
    """It will not get better by waiting."""
    waits = stache.without_waiting(monkeypatch)
    one = stache.provider()
    one.get_collection_info()
    error = SSLError(endpoint_url="https://x", error="CERTIFICATE_VERIFY_FAILED")

    def fail(**_):
        raise error

    one.client.meta.events.register_first("before-send.s3vectors.GetVectors", fail)
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        one.get_by_ids(["a"])

    assert waits == []


def test_one_call_that_hangs_stops_no_other_thread(engine):
    """Others go on with what is known of the index."""
    with serve_moody(engine) as server, closing(provider(server.url).client):
        one = provider(server.url)
        one.search(VECTOR)
        server.behaviour = lambda operation, _: SILENT if operation == "GetIndex" else PASS
        hanging = threading.Thread(target=one.get_collection_info)
        hanging.start()
        assert server.hanging.acquire(timeout=LONG)

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: len(one.search(VECTOR)), range(20)))
        assert hanging.is_alive()
        server.let_go()
        hanging.join()

    assert found == [1] * 20


def test_a_hybrid_search_that_asks_for_text_search_again_stops_no_other_thread(monkeypatch):
    """It does so by itself, now and then, while the index has none."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 0)
    engine = Engine()
    hybrid = {"s3vectors_search_mode": "hybrid"}
    with serve_moody(engine) as server, closing(provider(server.url, **hybrid).client):
        one = provider(server.url, **hybrid)
        stache.older_index(one)
        one.insert([VECTOR], ["t"])
        context = [stache.context("t") for _ in range(5)]
        one.search(VECTOR, context=context[0])
        server.behaviour = lambda operation, _: SILENT if operation == "GetIndex" else PASS
        hanging = threading.Thread(target=one.search, args=[VECTOR], kwargs={"context": context[1]})
        hanging.start()
        assert server.hanging.acquire(timeout=LONG)

        monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 1000)
        found = [len(one.search(VECTOR, context=other)) for other in context[2:]]
        assert hanging.is_alive()
        server.let_go()
        hanging.join()
    engine.close()

    assert found == [1] * 3


def test_threads_that_need_the_same_answer_share_one_call_and_its_error(engine):
    """Not one after the other, each with its own wait."""
    with serve_moody(engine, lambda *_: SILENT) as server:
        one = provider(server.url, s3vectors_retry_seconds=0)
        together = threading.Barrier(4, timeout=LONG)

        def search(_):
            together.wait()
            with pytest.raises(UnavailableError) as failed:
                one.search(VECTOR)
            return failed.value

        with closing(one.client), ThreadPoolExecutor(4) as pool:
            answers = pool.map(search, range(4))
            assert server.hanging.acquire(timeout=LONG)
            server.let_go()
            errors = list(answers)

    assert len({str(error) for error in errors}) == 1
    assert all(error.__cause__ is not None for error in errors)
    assert len(server.seen) <= 4


def test_who_came_late_to_a_call_without_an_answer_makes_one_of_its_own():
    """It has time left that the other had used."""
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


def test_a_time_limit_ends_the_wait_for_somebody_else_s_call():
    """Whose own limit is another."""
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


def test_a_signal_handler_may_ask_what_its_own_thread_is_asking():
    """It would wait for itself."""
    flight = Flight()

    assert flight.run(lambda: flight.run(lambda: "inner") + " and outer") == "inner and outer"
    assert flight.run(lambda: "again") == "again"


def test_who_shares_a_call_that_was_interrupted_makes_it_anew():
    """Ctrl-C in one thread is no answer for another."""
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
def test_an_interrupted_insert_ends_although_nothing_answers(engine, ctrl_c, caplog, ids):
    """Within two seconds, and says what is known to be stored."""
    with serve_moody(engine) as server, closing(provider(server.url).client):
        one = provider(server.url)
        one.search(VECTOR)
        puts = []

        def behave(operation, _):
            puts.append(operation)
            return PASS if puts.count("PutVectors") == len(puts) <= 2 else SILENT

        server.behaviour = behave
        ctrl_c(server, 3)
        own = [str(n) for n in range(4000)]

        with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING):
            one.insert([VECTOR] * 4000, ["t"] * 4000, ids=own if ids == "own" else None)

        assert not server.ended.is_set()
        server.let_go()
        if ids == "generated":
            wait_until_only_one_is_stored(engine)

    assert "1000 of 4000 vectors are known to be stored" in caplog.text
    assert ("are being deleted" in caplog.text) is (ids == "generated")


def test_after_an_interruption_made_up_ids_are_deleted_behind_the_caller(engine, ctrl_c):
    """When the service answers again, and the process lives on: in a notebook, for instance."""
    with serve_moody(engine) as server, closing(provider(server.url).client):
        one = provider(server.url)
        one.search(VECTOR)
        server.behaviour = lambda _, number: SILENT if number % 2 else PASS
        ctrl_c(server, 2)
        with pytest.raises(KeyboardInterrupt):
            one.insert([VECTOR] * 4000, ["t"] * 4000)
        server.let_go()

        wait_until_only_one_is_stored(engine)


def wait_until_only_one_is_stored(engine):
    """Until what the interrupted insert stored is deleted."""
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
def test_other_interrupted_calls_end_too(engine, ctrl_c, caplog, call):
    """Although nothing answers for ten minutes; those that write say what is known to be done."""
    with serve_moody(engine) as server:
        patient = {"s3vectors_read_timeout": 600, "s3vectors_retry_seconds": 600}
        one = provider(server.url, **patient)
        ids = [str(n) for n in range(3000)]
        one.insert([VECTOR] * 3000, ["t"] * 3000, [{"text2": "t"}] * 3000, ids=ids)
        writes = {"DeleteVectors", "PutVectors"}
        silent = writes if call in WRITES else {"QueryVectors", "ListVectors", "GetVectors"}
        server.behaviour = lambda operation, _: SILENT if operation in silent else PASS
        ctrl_c(server, 1)
        began = time.monotonic()

        with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING):
            BULK[call](one, ids)

        assert time.monotonic() - began < LONG / 2
        assert not server.ended.is_set()
        before = len(server.seen)
        server.let_go()
        one.client.close()

    assert ("vectors are known to be" in caplog.text) is (call in WRITES)
    assert caplog.text.count("was interrupted by KeyboardInterrupt") == (call in WRITES)
    assert len(server.seen) == before


def workers():
    """The threads that make calls for others."""
    return {thread for thread in threading.enumerate() if "(_work)" in thread.name}


@pytest.mark.parametrize("call", ["delete", "delete in a namespace", "update_status"])
def test_after_an_interruption_nothing_more_is_sent(engine, call):
    """Also by threads that keep the pace just then."""
    with serve_moody(engine) as server:
        one = stache.provider(
            s3vectors_endpoint_url=server.url, s3vectors_write_rate=10.0, s3vectors_retry_seconds=9
        )  # a connection of its own, and so a pace
        ids = [str(n) for n in range(1600)]
        provider(server.url).insert([VECTOR] * 1600, ["t"] * 1600, ids=ids)
        waiting = threading.Semaphore(0)
        one._index._state.pace._sleep = lambda seconds: (
            waiting.release(),
            deadlines.pause(seconds),
        )

        def press():
            for _ in range(1 if call == "delete" else 2):  # which keeps the pace where it is called
                assert waiting.acquire(timeout=LONG)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        presser = threading.Thread(target=press)
        before = workers()
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            BULK[call](one, ids)
        for thread in workers() - before:
            thread.join(LONG)
        written = sum(op in ("DeleteVectors", "PutVectors") for op in server.seen)
        one.client.close()

    assert workers() <= before
    assert written <= 4 + 5  # of the first insert, and what the pace lets through at once


@pytest.mark.parametrize("call", ["delete", "delete in a namespace", "update_status"])
def test_when_nothing_answers_a_large_call_gives_up_after_one_round(engine, call):
    """Not after each of its many requests has used its time."""
    with serve_moody(engine, lambda *_: 503) as server:
        one = provider(server.url, s3vectors_max_attempts=1)
        server.behaviour = lambda operation, _: PASS if operation == "GetIndex" else 503

        with closing(one.client), pytest.raises(UnavailableError):
            BULK[call](one, [str(n) for n in range(20_000)])

    assert len(server.seen) <= 1 + 8 + 8


def test_a_server_that_does_not_speak_tls_is_reported_sooner(engine, monkeypatch):
    """https:// where http:// was meant."""
    waits = stache.without_waiting(monkeypatch)
    with serve_moody(engine) as server:
        one = provider(server.url.replace("http:", "https:"))
        with closing(one.client), pytest.raises(UnavailableError, match="SSL"):
            one.search(VECTOR)

    assert sum(waits) == pytest.approx(3, abs=0.5)
