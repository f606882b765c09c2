"""The console's list of requests to the engine, with the reasons of refusals."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.service import EngineService
from s3vectors_local.errors import InternalServerException
from s3vectors_local.faults import Faults
from s3vectors_local.iam import Policies
from s3vectors_local.recent_requests import LENGTH
from s3vectors_local.signatures import Verifier
from support.console.client import NAMES, create_index, put_vectors, run_job, send_request
from support.endpoints import create_client
from support.processes.forks import run_in_child


def list_requests(url, after=0, **headers):
    """Return the response of the list."""
    response, answer = send_request(url, "/console/api/requests", {"after": after}, **headers)
    assert response.status == 200
    return answer


def describe(request):
    """Return the relevant members of a request."""
    return [request["operation"], request["resource"], request["status"], request["reason"]]


@pytest.fixture
def url():
    """Serve an engine with an index."""
    with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put_vectors(engine, [("secret-key", [1, 0], {"text": "secret-text"})])
        yield url


def test_requests_are_listed_in_order(url):
    """Each has operation, bucket, index, status and reason, whether given by name or by ARN."""
    with closing(create_client(endpoint_url=url)) as client:
        arn = client.get_index(**NAMES)["index"]["indexArn"]
        client.get_vectors(indexArn=arn, keys=["secret-key"], returnMetadata=True)
        client.list_tags_for_resource(resourceArn=arn)
    send_request(url, "/GetIndex", {"vectorBucketName": "my-bucket", "indexName": "none"})
    send_request(url, "/NoSuchThing")

    requests = list_requests(url)["requests"]

    assert [describe(request) for request in requests] == [
        ["GetIndex", "my-bucket/idx", 200, ""],
        ["GetVectors", "my-bucket/idx", 200, ""],
        ["ListTagsForResource", "my-bucket/idx", 200, ""],
        ["GetIndex", "my-bucket/none", 404, "NotFoundException"],
        ["POST /NoSuchThing", "", 404, "UnknownOperationException"],
    ]
    assert [request["id"] for request in requests] == [1, 2, 3, 4, 5]
    assert all(request["milliseconds"] > 0 for request in requests)
    assert not any(request["console"] for request in requests)
    assert "secret" not in json.dumps(requests)


def test_only_requests_after_an_id_are_returned(url):
    """So a page that polls gets each request once."""
    send_request(url, "/ListVectorBuckets")
    [first] = list_requests(url)["requests"]
    send_request(url, "/ListVectorBuckets")

    assert [r["id"] for r in list_requests(url, first["id"])["requests"]] == [first["id"] + 1]


def test_the_console_s_own_requests_are_marked_and_displace_no_others(url):
    """A long job consists of many requests."""
    send_request(url, "/GetIndex", NAMES)
    for _ in range(LENGTH + 5):
        send_request(url, "/console/api/call/ListVectorBuckets")
    run_job(url, "count")

    requests = list_requests(url)["requests"]

    assert len(requests) == LENGTH + 1
    assert describe(requests[0]) == ["GetIndex", "my-bucket/idx", 200, ""]
    assert all(request["console"] for request in requests[1:])
    assert describe(requests[-1]) == ["ListVectors", "my-bucket/idx", 200, ""]


def test_refused_requests_of_the_console_displace_no_others(url):
    """An open page with the token of an earlier start continues to poll."""
    send_request(url, "/GetIndex", NAMES)
    for _ in range(LENGTH):
        send_request(url, "/console/api/requests", body=b"no JSON")

    first, *others = list_requests(url)["requests"]

    assert describe(first) == ["GetIndex", "my-bucket/idx", 200, ""]
    assert [request["console"] for request in others] == [True] * LENGTH


def test_pages_and_health_checks_are_not_listed(url):
    """They would displace other requests."""
    send_request(url, "/health", method="GET", body=b"")

    assert list_requests(url)["requests"] == []


def test_long_names_are_shortened(url):
    """They are stored in memory."""
    send_request(url, "/GetIndex", {"vectorBucketName": "b" * 1_000_000, "indexName": "idx"})
    send_request(url, "/" + "x" * 10_000)

    requests = list_requests(url)["requests"]

    assert [len(request["resource"]) for request in requests] == [200, 0]
    assert len(requests[1]["operation"]) < 250


def test_a_refusal_names_its_statement_and_unused_permissions_are_listed():
    """The console's own requests count as uses."""
    allow = {
        "Effect": "Allow",
        "Action": ["s3vectors:CreateVectorBucket", "s3vectors:CreateIndex", "s3vectors:GetIndex"],
        "Resource": "*",
    }
    deny = {"Effect": "Deny", "Action": "s3vectors:DeleteIndex", "Resource": "*", "Sid": "never"}
    policies = Policies({"Version": "2012-10-17", "Statement": [allow, deny]})
    with Engine(policies=policies) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        send_request(url, "/DeleteIndex", NAMES)
        send_request(url, "/ListVectors", NAMES)
        before = list_requests(url)
        send_request(url, "/console/api/call/GetIndex", NAMES)
        after = list_requests(url)

    assert [describe(request) for request in before["requests"]] == [
        [
            "DeleteIndex",
            "my-bucket/idx",
            403,
            "AccessDeniedException, denied by policy 1, statement 2 (never)",
        ],
        ["ListVectors", "my-bucket/idx", 403, "AccessDeniedException"],
    ]
    assert before["unused"] == [
        "policy 1, statement 1: s3vectors:GetIndex was granted and never used"
    ]
    assert after["unused"] == []


def test_policies_of_several_principals_are_listed_together():
    """Each has its principal."""
    grant = {"Effect": "Allow", "Action": "s3vectors:GetIndex", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [grant]}
    by_principal = {number * 12: Policies(document) for number in "12"}
    with Engine(policies=by_principal) as engine, serving(engine, console=ConsoleOptions()) as url:
        unused = list_requests(url)["unused"]

    assert len(unused) == 4  # the action and the resource of each


def test_without_policies_no_permission_is_unused(url):
    assert list_requests(url)["unused"] is None


def test_an_unsigned_request_is_listed_with_its_reason():
    """Its signature is not listed."""
    with Engine() as engine:
        options = {"verifier": Verifier({"ID": "SECRET"}), "console": ConsoleOptions(token="t")}
        with serving(engine, **options) as url:
            send_request(url, "/ListVectorBuckets")
            send_request(url, "/console/api/about")
            requests = list_requests(url, **{"x-console-token": "t"})["requests"]

    assert [describe(request) for request in requests] == [
        ["ListVectorBuckets", "", 403, "MissingAuthenticationToken"],
        ["POST /console/api/about", "", 401, "TokenRequired"],
    ]


def test_a_lost_response_is_listed_as_lost():
    """It has no status."""
    with Engine() as engine:
        faults = Faults({"dropped": 1})
        with serving(engine, faults=faults, console=ConsoleOptions()) as url:
            with socket.create_connection(urlsplit(url).netloc.split(":")) as connection:
                connection.sendall(b"POST /ListVectorBuckets HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert connection.recv(1) == b""
            [request] = list_requests(url)["requests"]

    assert describe(request) == ["ListVectorBuckets", "", None, "dropped"]


@pytest.mark.parametrize("after", ["1", -1, 1.5, True, [], {}, 1 << 60])
def test_an_invalid_id_is_refused(url, after):
    """The error says what is allowed."""
    response, answer = send_request(url, "/console/api/requests", {"after": after})

    assert (response.status, answer["code"]) == (400, "ValidationException")


def test_an_operation_that_was_not_executed_is_not_listed_as_a_success():
    """An engine refuses to work in a forked process."""
    with Engine() as engine:
        responses = []
        service = EngineService(engine, lambda *entry: responses.append(entry[2]))

        def call():
            with pytest.raises(InternalServerException, match="fork"):
                service.call("ListVectorBuckets", {})
            return [(response.status, response.reason) for response in responses]

        assert run_in_child(call) == [(500, "InternalServerException")]
