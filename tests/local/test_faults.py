"""Faults on request: errors, lost responses, latency and rate limits."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections import Counter
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from s3vectors_local import Engine, Faults, RateLimits, connect, inprocess, serving
from s3vectors_local.errors import NotFoundException, TooManyRequestsException
from support.endpoints import create_client, serve, start_server

ONCE = Config(retries={"total_max_attempts": 1})
IMPATIENT = Config(retries={"total_max_attempts": 1}, read_timeout=2)
"""Even a busy machine answers in two seconds, so a later response is lost."""
NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}
INDEX = {"dataType": "float32", "dimension": 1, "distanceMetric": "cosine"}


def count_kinds(faults, count=10_000):
    """Return how often each kind is drawn."""
    results = Counter()
    for _ in range(count):
        outcome = faults.draw()
        results[outcome.error.status if outcome.error else (outcome.loss, outcome.executed)] += 1
    return results


def test_faults_have_their_rates():
    """Half of the lost requests are executed."""
    results = count_kinds(Faults({"503": 0.1, "429": 0.05, "timeout": 0.2, "dropped": 0.1}))

    assert results[503] == pytest.approx(1000, abs=120)
    assert results[429] == pytest.approx(500, abs=90)
    assert results["timeout", True] == pytest.approx(1000, abs=120)
    assert results["timeout", False] == pytest.approx(1000, abs=120)
    assert results["dropped", True] == pytest.approx(500, abs=90)
    assert sum(results.values()) == 10_000


def test_a_seed_repeats_its_faults():
    """Another seed has other faults."""
    draws = [[Faults({"500": 0.5}, seed=seed).draw() for _ in range(1)] for seed in range(20)]
    first, same, other = (Faults({"500": 0.5}, seed=seed) for seed in (1, 1, 2))

    assert [first.draw().executed for _ in range(50)] == [same.draw().executed for _ in range(50)]
    assert [first.draw().executed for _ in range(50)] != [other.draw().executed for _ in range(50)]
    assert len({outcome.executed for [outcome] in draws}) == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"rates": {"418": 0.1}},
            'the fault "418" does not exist; choose from 408, 429, 500, 503, timeout, dropped',
        ),
        ({"rates": {"503": 1.5}}, "the rate of 503 is 1.5; it must be from 0 to 1"),
        ({"rates": {"503": 0.6, "500": 0.6}}, "the rates add up to 1.2"),
        ({"latency": -1}, "the latency is -1; it must be from 0 to 3600 seconds"),
        ({"latency": float("nan")}, "the latency is nan"),
    ],
)
def test_invalid_faults_are_refused(arguments, message):
    """The error says what is allowed."""
    with pytest.raises(ValueError, match=message):
        Faults(**arguments)


@pytest.fixture(params=["in process", "over http"])
def faulty(request):
    """Return a function that connects a client without retries to an engine with faults."""
    engine = Engine()
    opened = []

    def make(rates=None, latency=0.0, seed=0, config=ONCE):
        if request.param == "in process":
            client = connect(
                create_client(config=config), engine, faults=Faults(rates, latency, seed)
            )
        else:
            opened.append(serving(engine, faults=Faults(rates, latency, seed)))
            client = create_client(config=config, endpoint_url=opened[-1].__enter__())
        opened.append(closing(client))
        client.engine = engine
        return client

    yield make
    for thing in reversed(opened):
        thing.__exit__(None, None, None)
    engine.close()


def list_buckets(engine):
    return len(engine.call("ListVectorBuckets", {})["vectorBuckets"])


@pytest.mark.parametrize(
    "kind, code",
    [
        ("408", "RequestTimeoutException"),
        ("429", "TooManyRequestsException"),
        ("500", "InternalServerException"),
        ("503", "ServiceUnavailableException"),
    ],
)
def test_an_error_replaces_the_response(faulty, kind, code):
    """The request is not executed."""
    client = faulty({kind: 1})

    with pytest.raises(ClientError) as failed:
        client.create_vector_bucket(vectorBucketName="my-bucket")

    assert failed.value.response["Error"]["Code"] == code
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == int(kind)
    assert list_buckets(client.engine) == 0


@pytest.mark.parametrize(
    "kind, error", [("timeout", ReadTimeoutError), ("dropped", ConnectionClosedError)]
)
def test_a_request_with_a_lost_response_may_be_executed(faulty, kind, error):
    """One of these two is executed, the other is not."""
    client = faulty({kind: 1}, seed=0, config=IMPATIENT if kind == "timeout" else ONCE)

    for name in ("first-bucket", "second-bucket"):
        with pytest.raises(error):
            client.create_vector_bucket(vectorBucketName=name)

    assert list_buckets(client.engine) == 1


def test_latency_is_added_to_every_request(faulty):
    """A request takes at least the configured time."""
    client = faulty(latency=0.05)
    began = time.monotonic()

    client.list_vector_buckets()

    assert time.monotonic() - began >= 0.05


class Clock:
    """A clock that advances only on demand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        """Return the time."""
        return self.now


def test_an_index_has_limits_per_second():
    """It allows a burst of one second, then refills. Other indexes are not affected."""
    clock = Clock()
    limits = RateLimits(requests=3, vectors=500, clock=clock)

    limits.take("a", 400)
    limits.take("a", 50)
    with pytest.raises(TooManyRequestsException):
        limits.take("a", 51)  # too many vectors
    limits.take("a", 50)
    clock.now += 0.2
    with pytest.raises(TooManyRequestsException):
        limits.take("a", 1)  # two thirds of a request
    limits.take("b", 500)
    clock.now += 0.8
    limits.take("a", 500)


@pytest.mark.parametrize(
    "rates", [{"requests": 0.5}, {"vectors": 499}, {"requests": float("nan")}, {"vectors": 1e999}]
)
def test_rates_below_one_full_request_are_refused(rates):
    """They would refuse such a request forever."""
    with pytest.raises(ValueError, match="at least .* per second"):
        RateLimits(**rates)


def test_fractions_that_add_up_to_one_are_accepted():
    """They are added as decimals, not as floats."""
    assert count_kinds(Faults({"408": 0.33, "429": 0.56, "500": 0.11}), 100)[None, True] == 0


def test_a_missing_index_is_a_404_and_not_throttled():
    """It uses no memory."""
    rates = RateLimits(requests=1, clock=Clock())
    engine = Engine(rates=rates)

    for _ in range(3):
        with pytest.raises(NotFoundException):
            engine.call("DeleteVectors", {**NAMES, "keys": ["a"]})

    assert rates._budgets == {}
    engine.close()


def test_an_unused_rate_accumulates_for_one_second_only():
    clock = Clock()
    limits = RateLimits(requests=10, vectors=500, clock=clock)
    limits.take("a", 1)
    clock.now += 3600

    limits.take("a", 500)
    with pytest.raises(TooManyRequestsException):
        limits.take("a", 1)


def test_a_throttled_write_is_a_429_and_does_nothing():
    """Deletes count like puts. Reads do not count."""
    engine = Engine(rates=RateLimits(clock=Clock()))
    client = connect(create_client(config=ONCE), engine)
    client.create_vector_bucket(vectorBucketName="my-bucket")
    client.create_index(**NAMES, **INDEX)
    for batch in range(4):
        vectors = [{"key": f"{batch}-{n}", "data": {"float32": [1]}} for n in range(500)]
        client.put_vectors(**NAMES, vectors=vectors)
    client.delete_vectors(**NAMES, keys=[f"0-{n}" for n in range(499)])

    for call, request in (
        (client.put_vectors, {"vectors": [{"key": k, "data": {"float32": [1]}} for k in "ab"]}),
        (client.delete_vectors, {"keys": ["1-0", "1-1"]}),
    ):
        with pytest.raises(client.exceptions.TooManyRequestsException):
            call(**NAMES, **request)

    assert len(client.list_vectors(**NAMES, maxResults=1000)["vectors"]) == 1000
    assert client.get_vectors(**NAMES, keys=["1-0", "a"])["vectors"][0]["key"] == "1-0"
    engine.close()


def test_the_command_has_faults_with_a_seed():
    """They are the same as with this seed in Python."""
    expected = Faults({"503": 0.5}, seed=7)
    with (
        serve("--fault", "503:0.5", "--seed", "7") as url,
        closing(create_client(config=ONCE, endpoint_url=url)) as client,
    ):
        for _ in range(20):
            if expected.draw().error:
                with pytest.raises(ClientError, match="Currently unable"):
                    client.list_vector_buckets()
            else:
                client.list_vector_buckets()


def test_latency_in_process_is_waited_in_short_steps(monkeypatch, client):
    """Python may miss a Ctrl-C just before a wait."""
    now, steps = [0.0], []

    def sleep(seconds):
        steps.append(seconds)
        now[0] += seconds

    clock = SimpleNamespace(sleep=sleep, monotonic=lambda: now[0])
    monkeypatch.setattr(inprocess, "time", clock)
    connect(client, Engine(), faults=Faults(latency=1.75)).list_vector_buckets()

    assert steps == [0.5, 0.5, 0.5, 0.25]


def test_the_command_has_latency():
    """A request takes at least the configured time."""
    with (
        serve("--latency", "0.05") as url,
        closing(create_client(config=ONCE, endpoint_url=url)) as client,
    ):
        began = time.monotonic()
        client.list_vector_buckets()
        assert time.monotonic() - began >= 0.05


def test_the_command_has_the_limits_of_aws():
    """It allows five full requests per second, after a burst of one second."""
    with (
        serve("--limits", "aws") as url,
        closing(create_client(config=ONCE, endpoint_url=url)) as client,
    ):
        client.create_vector_bucket(vectorBucketName="my-bucket")
        client.create_index(**NAMES, **INDEX)
        batch = [f"k{n}" for n in range(500)]
        throttled = client.exceptions.TooManyRequestsException
        assert any(
            fails(client.delete_vectors, throttled, **NAMES, keys=batch) for _ in range(1000)
        )


def fails(call, kind, **request):
    """Whether a call fails with that error."""
    try:
        call(**request)
    except kind:
        return True
    return False


def test_a_lost_response_does_not_delay_the_stop():
    """The waiting client gets an error at once, and the terminal shows nothing."""
    with start_server("--fault", "timeout:1") as (process, url):
        host, port = urlsplit(url).netloc.split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"POST /GetIndex HTTP/1.1\r\nhost: localhost\r\n"
                b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
            )
            with urllib.request.urlopen(f"{url}/health") as response:
                assert response.status == 200  # it has read the other request by now
            process.terminate()
            _, errors = process.communicate()
            got = connection.recv(1000)

    assert (process.returncode, errors) == (0, "")
    assert got.startswith(b"HTTP/1.1 503")
