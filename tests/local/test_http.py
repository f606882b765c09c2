"""The HTTP server: the protocol and its errors, starting and stopping."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from s3vectors_local import Engine
from s3vectors_local.limits import REQUEST_BODY_BYTES
from s3vectors_local.signatures import HttpRequest
from s3vectors_local.wire import answer
from support.endpoints import create_client, serve, start_server

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def url():
    with serve() as url:
        yield url


def ask(url, method="POST", path="/ListVectorBuckets", body=b"", **headers):
    if body:
        headers.setdefault("content-type", "application/json")
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response, json.loads(response.read())


def test_a_response_has_the_headers_that_sdks_read(url):
    """It has the type JSON, and an id for each request."""
    first, body = ask(url, body=b'{"prefix":"none"}')
    second, _ = ask(url)

    assert body == {"vectorBuckets": []}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["x-amzn-requestid"] != second.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    "method, path, body, status, code",
    [
        ("POST", "/ListVectorBuckets", b"{", 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b"[]", 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b"\xff", 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"prefix":"\\ud800"}', 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"maxResults":"1"}', 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"maxResults":true}', 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"prefix":[]}', 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"prefix":{}}', 400, "SerializationException"),
        ("POST", "/GetVectors", b'{"keys":[null]}', 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"maxResults":NaN}', 400, "SerializationException"),
        ("POST", "/ListVectorBuckets", b'{"maxResults":0}', 400, "ValidationException"),
        ("POST", "/CreateIndex", b"{}", 400, "ValidationException"),
        ("POST", "/GetIndex", b'{"indexName":"idx"}', 400, "ValidationException"),
        ("POST", "/NoSuchThing", b"{}", 404, "UnknownOperationException"),
        ("GET", "/ListVectorBuckets", b"", 404, "UnknownOperationException"),
        ("GET", "/tags/arn", b"", 404, "NotFoundException"),
        ("DELETE", "/tags/arn", b"", 400, "ValidationException"),
        ("PUT", "/tags/arn", b"", 404, "UnknownOperationException"),
        ("POST", "/TagResource", b"{}", 404, "UnknownOperationException"),
        ("POST", "/DeleteVectorBucket", b'{"vectorBucketName":"B@D"}', 400, "ValidationException"),
    ],
)
def test_an_error_has_awss_form(url, method, path, body, status, code):
    """It has a status, the code in a header, and a message in the body."""
    response, document = ask(url, method, path, body)

    assert (response.status, response.headers["x-amzn-errortype"]) == (status, code)
    assert document["message"]


def test_unknown_and_null_members_are_ignored(url):
    """This is AWS's protocol. Newer clients may send unknown members."""
    response, _ = ask(url, body=b'{"prefix":null,"newMember":1}')

    assert response.status == 200


@pytest.mark.parametrize("beyond, message", [(0, "not valid JSON"), (1, "exceeds max allowed")])
def test_a_body_can_have_twenty_mebibytes(url, beyond, message):
    """One more byte is refused."""
    response, document = ask(url, body=b"x" * (REQUEST_BODY_BYTES + beyond))

    assert response.status == 400
    assert message in document["message"]


def test_an_incomplete_request_is_not_executed(url):
    """The client disconnects in the middle of the body."""
    with socket.create_connection(urlsplit(url).netloc.split(":")) as connection:
        connection.sendall(
            b"POST /CreateVectorBucket HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ncontent-length: 99\r\n\r\n"
            b'{"vectorBucketName":"half-sent"}'
        )

    _, document = ask(url, body=b'{"prefix":"half-sent"}')

    assert document == {"vectorBuckets": []}


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_not_declared_as_json_is_refused(url, media_type):
    """By default, curl declares another type."""
    response, document = ask(url, body=b"{}", **{"content-type": media_type})

    assert response.status == 415
    assert response.headers["x-amzn-errortype"] == "UnsupportedMediaTypeException"
    assert media_type in document["message"]


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8"])
def test_a_body_declared_as_json_is_accepted(url, media_type):
    """The type may have parameters."""
    response, _ = ask(url, body=b"{}", **{"content-type": media_type})

    assert response.status == 200


def test_expect_100_continue_is_answered(url):
    """Some SDKs send it with large bodies."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /ListVectorBuckets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 17\r\n"
            b"content-type: application/json\r\n"
            b"expect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b'{"prefix":"none"}')
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_a_bug_of_the_engine_is_a_500_and_a_log_entry(caplog, monkeypatch):
    """The response has AWS's form, and the log has the traceback."""
    engine = Engine()
    monkeypatch.setattr(engine, "call", lambda *_: 1 / 0)

    got = answer(engine, HttpRequest("POST", "/ListVectors", "", JSON, b"{}"))

    assert (got.status, got.headers["x-amzn-errortype"]) == (500, "InternalServerException")
    assert "POST /ListVectors failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    engine.close()


def test_one_connection_serves_many_requests(url):
    """This is HTTP keep-alive."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("POST", "/ListVectorBuckets", b'{"prefix":"none"}', JSON)
            assert connection.getresponse().read() == b'{"vectorBuckets":[]}'
        assert connection.sock is first


def test_health_returns_200_while_the_server_answers(url):
    """Load balancers and scripts use it."""
    response, document = ask(url, "GET", "/health")

    assert (response.status, document) == (200, {"status": "ok"})


def test_the_server_answers_many_clients_at_a_time(url):
    """Eight clients write, and no write is lost."""
    names = {"vectorBucketName": "many-clients", "indexName": "idx"}
    with closing(create_client(endpoint_url=url)) as client:
        client.create_vector_bucket(vectorBucketName="many-clients")
        client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")

        def write(number):
            vectors = [{"key": f"{number}-{n}", "data": {"float32": [1, 2]}} for n in range(5)]
            client.put_vectors(**names, vectors=vectors)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(40)))

        assert len(client.list_vectors(**names)["vectors"]) == 200


def test_an_unfinished_request_does_not_prevent_the_stop():
    """It gets a grace period and an error, then the server stops."""
    with start_server() as (process, url):
        host, port = urlsplit(url).netloc.split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"POST /GetIndex HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"
            )
            ask(url)  # it has read the other request by now
            process.terminate()
            _, errors = process.communicate()
            got = connection.recv(1000)

    assert process.returncode == 0
    assert got.startswith(b"HTTP/1.1 503")
    assert b"s3vectors-local is stopping" in got
    assert [line for line in errors.splitlines() if "graceful shutdown exceeded" not in line] == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_server_stops_cleanly_and_loses_no_acknowledged_write(tmp_path, stop):
    """The exit status is 0, and the directory is unlocked."""
    for number in range(2):
        with (
            start_server("--data", str(tmp_path)) as (process, url),
            closing(create_client(endpoint_url=url)) as client,
        ):
            assert len(client.list_vector_buckets()["vectorBuckets"]) == number
            client.create_vector_bucket(vectorBucketName=f"bucket-{number}")
            process.send_signal(stop)
            _, errors = process.communicate()

            assert (process.returncode, errors) == (0, "")


def test_a_stop_under_load_loses_no_acknowledged_write(tmp_path):
    """Four clients write until the server stops."""
    names = {"vectorBucketName": "under-load", "indexName": "idx"}
    once = Config(retries={"total_max_attempts": 1})
    with start_server("--data", str(tmp_path)) as (process, url):
        with closing(create_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="under-load")
            client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")

        def write(writer):
            acknowledged = []
            with closing(create_client(endpoint_url=url, config=once)) as client:
                for number in range(100_000):
                    key = f"{writer}-{number}"
                    try:
                        vector = {"key": key, "data": {"float32": [1, 2]}}
                        client.put_vectors(**names, vectors=[vector])
                    except (ClientError, BotoCoreError):
                        return acknowledged
                    acknowledged.append(key)
                    if number == 20:  # by now, all clients have begun or are about to
                        process.send_signal(signal.SIGTERM)
            return acknowledged

        with ThreadPoolExecutor(4) as threads:
            written = {key for keys in threads.map(write, range(4)) for key in keys}
        _, errors = process.communicate()

    engine = Engine(tmp_path)
    page = {"maxResults": 1000}
    results = {v["key"] for v in engine.call("ListVectors", {**names, **page})["vectors"]}
    assert (process.returncode, errors) == (0, "")
    assert len(written) > 20
    assert written <= results
    engine.close()
