"""The console's jobs end with a result or an error, and do not delay other requests."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.jobs import JOBS
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.steps import report
from s3vectors_local.iam import Policies
from support.console.client import (
    NAMES,
    PAGE,
    create_index,
    put_vectors,
    read_stream,
    run_failing_job,
    run_job,
    send_request,
)

HOSTILE = [None, True, 0, -1, 1.5, 1e400, "", "x", [], [1], {}, {"$ne": 1}, "../..", "\x00", ["a"]]


@pytest.mark.parametrize(
    "job, known",
    [
        ("count", {}),
        ("browse", {"limit": 5, "prefix": "d", "cursor": None}),
        ("metadata", {}),
        ("query", {"vector": [1, 2, 3, 4], "mode": "vector", "top_k": 3, "filter": {"n": 1}}),
        ("why", {"vector": [1, 2, 3, 4], "target": "x", "filter": {"n": 1}}),
    ],
)
def test_members_of_the_wrong_type_cause_no_fault(url, job, known):
    """Each member with each type causes a request error or a result."""
    request = {**PAGE, **known, "key": None, "text": None, "text_key": None}
    for member in [*request, "unknown"]:
        for value in HOSTILE:
            body = json.dumps({**request, member: value}).replace("Infinity", "1e400").encode()
            if b"1e400" in body:
                response, answer = send_request(url, f"/console/api/stream/{job}", body=body)
                assert (response.status, answer["code"]) == (400, "SerializationException")
                continue
            lines = read_stream(url, f"/console/api/stream/{job}", body)
            error = lines[-1].get("error", {"code": "ValidationException"})
            assert error["code"] in {
                "ValidationException",
                "SerializationException",
                "NotFoundException",
            }, (member, value, error)


def test_an_empty_index_has_empty_results(one_vector):
    """It has no vectors, metadata or matches."""
    url, engine = one_vector
    engine.call("DeleteVectors", {**NAMES, "keys": ["only"]})

    assert run_job(url, "count") == {"count": 0}
    assert run_job(url, "browse") == {"vectors": [], "cursor": None, "scanned": 0}
    assert run_job(url, "metadata") == {"keys": [], "sampled": 0}
    assert run_job(url, "query", vector=[1, 0])["results"] == []
    assert run_job(url, "why", vector=[1, 0], target="only")["exists"] is False


def test_each_job_works_with_one_vector(one_vector):
    url, _ = one_vector
    metadata = {"n": 1, "text": "one word"}

    assert run_job(url, "browse")["vectors"] == [{"key": "only", "metadata": metadata}]
    assert run_job(url, "query", text="word", mode="text")["results"][0]["key"] == "only"
    assert run_job(url, "why", key="only", target="only")["rank"] == 1


@pytest.mark.parametrize("job", ["count", "browse", "metadata", "query", "why"])
def test_a_denied_action_names_its_statement(job):
    """The console has the permissions of a caller without a key."""
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    actions = ["s3vectors:ListVectors", "s3vectors:QueryVectors", "s3vectors:GetVectors"]
    deny = {"Effect": "Deny", "Action": actions, "Resource": "*", "Sid": "no-reading"}
    policies = Policies({"Version": "2012-10-17", "Statement": [allow, deny]})
    with Engine(policies=policies) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)

        error = run_failing_job(url, job, vector=[1, 0], target="only")

    assert error["code"] == "AccessDeniedException"
    assert error["statement"] == "policy 1, statement 2 (no-reading)"
    assert "with an explicit deny in an identity-based policy" in error["message"]


def test_a_job_ends_with_an_error_when_the_engine_is_closed(one_vector):
    """It has the engine's message."""
    url, engine = one_vector
    engine.close()

    assert run_failing_job(url, "count") == {
        "code": "InternalServerException",
        "message": "the engine is closed",
    }


def test_a_damaged_index_is_an_error(tmp_path):
    """It has the engine's message. Other indexes still work."""
    with Engine(tmp_path) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put_vectors(engine, [("only", [1, 0], {})])
        table = f"UPDATE vectors_{engine._state.storage.read_records('indexes')[0][0]}"
        with engine._state.storage.transaction() as database:
            database.execute(f"{table} SET filterable = '{{'")

        error = run_failing_job(url, "browse")

    assert error["code"] == "InternalServerException"
    assert "could not be read" in error["message"]


@pytest.fixture
def endless_job(monkeypatch):
    """Return an event that is set when a job that never ends by itself is stopped."""
    ended = threading.Event()

    def work(*_):
        try:
            while True:
                yield report("working", 0)
        finally:
            ended.set()

    monkeypatch.setitem(JOBS, "endless_job", work)
    return ended


@contextmanager
def start_job(url, job):
    """Return the response of a job that has started."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        headers = {"content-type": "application/json"}
        connection.request("POST", f"/console/api/stream/{job}", json.dumps(PAGE), headers)
        response = connection.getresponse()
        assert "progress" in json.loads(response.readline())
        yield response


def test_a_disconnected_client_s_job_ends(url, endless_job):
    """The engine answers meanwhile."""
    with start_job(url, "endless_job"):
        assert send_request(url, "/ListVectorBuckets")[0].status == 200
        assert not endless_job.is_set()

    assert endless_job.wait(60)


def test_a_job_that_ends_delays_no_other_request(url, monkeypatch):
    """Ending may wait for several calls to the service."""
    ending, answered, ended = threading.Event(), threading.Event(), threading.Event()

    def work(*_):
        try:
            while True:
                yield report("working", 0)
        finally:
            ending.set()
            answered.wait(60)
            ended.set()

    monkeypatch.setitem(JOBS, "slow", work)
    with start_job(url, "slow"):
        pass
    assert ending.wait(60)

    assert send_request(url, "/console/api/about")[0].status == 200
    assert not ended.is_set()
    answered.set()
    assert ended.wait(60)


def test_stopping_the_server_ends_its_jobs(engine, endless_job):
    """Each has an error that says so."""
    with ExitStack() as stack:
        with serving(engine, console=ConsoleOptions()) as url:
            response = stack.enter_context(start_job(url, "endless_job"))
        lines = [json.loads(line) for line in response.read().splitlines()]

    assert endless_job.is_set()
    assert lines[-1]["error"] == {
        "code": "ServiceUnavailableException",
        "message": "The server is stopping",
    }


def test_a_failed_job_s_error_does_not_contain_its_cause(url, monkeypatch, caplog):
    """The log has it."""

    def fault(*_):
        yield report("working", 0)
        raise RuntimeError("secret reasons")

    monkeypatch.setitem(JOBS, "faulty", fault)

    assert run_failing_job(url, "faulty") == {
        "code": "InternalServerException",
        "message": "The console failed; see its log",
    }
    assert "secret reasons" in caplog.text


def test_a_failed_call_s_error_does_not_contain_its_cause(one_vector, monkeypatch, caplog):
    """The log has it."""
    url, engine = one_vector

    def fault(*_):
        raise RuntimeError("secret reasons")

    monkeypatch.setattr(engine, "call", fault)

    response, answer = send_request(url, "/console/api/call/ListVectorBuckets")

    assert (response.status, answer["code"]) == (500, "InternalServerException")
    assert "secret" not in answer["message"]
    assert "secret reasons" in caplog.text
