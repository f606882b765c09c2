"""Signatures are verified on request, and compared with those of botocore."""

from __future__ import annotations

import http.client
import socket
from contextlib import ExitStack, closing
from datetime import datetime
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from s3vectors_local import Engine, Verifier, connect
from s3vectors_local.errors import AuthenticationError
from s3vectors_local.limits import REQUEST_BODY_BYTES
from s3vectors_local.signatures import HttpRequest
from support.endpoints import create_client, serve

KEYS = {"AKIATEST": "secret"}
SIGNED = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret"}
TAGS = "/tags/arn%3Aaws%3As3vectors%3Aus-east-1%3A123456789012%3Abucket%2Fmy-bucket"


ONCE = Config(retries={"total_max_attempts": 1})


def sign_request(
    method="POST", path="/ListVectorBuckets", query="", body=b"{}", headers=None, key="AKIATEST"
):
    """Return a request signed by botocore."""
    url = f"http://localhost:9100{path}{'?' if query else ''}{query}"
    unsigned = AWSRequest(method, url, {"host": "localhost:9100", **(headers or {})}, body)
    SigV4Auth(Credentials(key, "secret"), "s3vectors", "us-east-1").add_auth(unsigned)
    signed = {name.lower(): value for name, value in unsigned.headers.items()}
    return HttpRequest(method, path, query, signed, body)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"body": b""},
        {"body": '{"prefix":"é"}'.encode()},
        {"method": "GET", "path": TAGS, "body": b""},
        {"method": "DELETE", "path": TAGS, "query": "tagKeys=b%20c&tagKeys=a%2Fb", "body": b""},
        {"headers": {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}},
        {"headers": {"x-amz-note": "  two   spaces  "}},
        {"headers": {"content-type": "application/json", "user-agent": "not signed"}},
    ],
)
def test_a_request_that_botocore_signed_is_accepted(parameters):
    """It has a body, a path, a query and headers."""
    Verifier(KEYS).check(sign_request(**parameters))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/ListIndexes"},
        {"query": "a=b"},
        {"body": b"{ }"},
    ],
)
def test_a_request_that_was_changed_is_refused(change):
    """Each part of the signed request is changed once."""
    with pytest.raises(AuthenticationError) as refused:
        Verifier(KEYS).check(sign_request()._replace(**change))

    assert (refused.value.code, refused.value.status) == ("InvalidSignatureException", 403)


@pytest.mark.parametrize(
    "headers, code",
    [
        ({"authorization": ""}, "MissingAuthenticationToken"),
        ({"authorization": "Basic abc"}, "IncompleteSignature"),
        ({"host": "elsewhere"}, "InvalidSignatureException"),
        ({"x-amz-extra": "not signed"}, "InvalidSignatureException"),
        ({"x-amz-date": "yesterday"}, "IncompleteSignature"),
        ({"x-amz-date": "20200101T000000Z"}, "IncompleteSignature"),
    ],
)
def test_wrong_headers_are_refused(headers, code):
    """Each has AWS's common error."""
    signed = sign_request()

    with pytest.raises(AuthenticationError) as refused:
        Verifier(KEYS).check(signed._replace(headers={**signed.headers, **headers}))

    assert refused.value.code == code


def test_a_wrong_secret_or_key_is_refused():
    with pytest.raises(AuthenticationError, match="does not match"):
        Verifier({"AKIATEST": "other"}).check(sign_request())
    with pytest.raises(AuthenticationError, match="security token .* is invalid") as refused:
        Verifier({"AKIAOTHER": "secret"}).check(sign_request())
    assert refused.value.code == "UnrecognizedClientException"


def test_a_repeated_header_is_joined_with_a_comma():
    """It is signed in this form, and an added header is detected."""
    signed = sign_request(headers={"x-amz-note": "1,2"})
    named = [*signed.headers.items()]
    twice = [(name, text) for name, text in named if name != "x-amz-note"]
    twice += [("x-amz-note", "1"), ("x-amz-note", "2")]

    with serve("--access-key", "AKIATEST:secret") as url:
        assert send(url, signed, named) == 200
        assert send(url, signed, twice) == 200
        assert send(url, signed, [("x-amz-note", "slipped in"), *named]) == 403


def send(url, signed, headers):
    """Return the status of a request with exactly these headers."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.putrequest(signed.method, signed.path, skip_host=True, skip_accept_encoding=True)
        for name, text in headers:
            connection.putheader(name, text)
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", str(len(signed.body)))
        connection.endheaders(signed.body)
        return connection.getresponse().status


@pytest.mark.parametrize(
    "url",
    ["https://localhost:443", "http://LOCALHOST:9100", "http://me:pw@localhost", "http://[::1]:9"],
)
def test_any_form_of_an_endpoint_is_verified_in_process(url):
    """The host is the one that botocore signs."""
    engine = Engine()
    client = connect(create_client(endpoint_url=url, **SIGNED), engine, verifier=Verifier(KEYS))

    assert client.list_vector_buckets()["vectorBuckets"] == []
    engine.close()


@pytest.mark.parametrize("off, fresh", [(-299, True), (299, True), (-301, False), (301, False)])
def test_clocks_may_differ_by_five_minutes(off, fresh):
    """This holds in both directions."""
    signed = sign_request()
    moment = datetime.strptime(signed.headers["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
    now = moment.timestamp() + off

    if fresh:
        Verifier(KEYS, lambda: now).check(signed)
    else:
        with pytest.raises(AuthenticationError, match="Signature not current"):
            Verifier(KEYS, lambda: now).check(signed)


def check_client_and_stranger(client, stranger):
    """Check that a client with the right key works, and one without does not."""
    arn = client.create_vector_bucket(vectorBucketName="my-bucket")["vectorBucketArn"]
    client.tag_resource(resourceArn=arn, tags={"a b": "c", "d/e": "f"})
    client.untag_resource(resourceArn=arn, tagKeys=["a b"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"d/e": "f"}
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.list_vector_buckets()


def test_the_command_verifies_signatures_when_it_has_a_key():
    """The test uses boto3 over HTTP."""
    with (
        serve("--access-key", "AKIATEST:secret", "--access-key", "AKIAMORE:other") as url,
        closing(create_client(endpoint_url=url, **SIGNED)) as client,
        closing(create_client(endpoint_url=url)) as stranger,
    ):
        check_client_and_stranger(client, stranger)


def test_a_client_in_process_can_be_verified():
    """The verifier is the same."""
    engine = Engine()
    verifier = Verifier(KEYS)

    check_client_and_stranger(
        connect(create_client(**SIGNED), engine, verifier=verifier),
        connect(create_client(), engine, verifier=verifier),
    )

    engine.close()


def test_a_body_is_read_only_after_its_key_is_known():
    """A client without a key cannot make the server hold megabytes."""
    head = b"POST /PutVectors HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    unknown = sign_request(key="AKIAUNKNOWN").headers["authorization"].encode()
    with serve("--access-key", "AKIATEST:secret") as url:
        for more in (b"", b"authorization: " + unknown + b"\r\n"):
            with socket.create_connection(urlsplit(url).netloc.split(":")) as connection:
                connection.sendall(head + more + b"content-length: 19000000\r\n\r\n")
                answered = connection.recv(1000)  # the client has sent no body

            assert answered.startswith(b"HTTP/1.1 403")


def test_bodies_of_many_connections_wait_for_their_turn():
    """The server holds a limited number of bodies, and answers all requests."""
    head = b"POST /ListVectorBuckets HTTP/1.1\r\nhost: localhost\r\n"
    head += b"content-type: application/json\r\n"
    size = REQUEST_BODY_BYTES - 1
    with serve() as url, ExitStack() as opened:
        connections = [
            opened.enter_context(socket.create_connection(urlsplit(url).netloc.split(":")))
            for _ in range(12)
        ]
        for connection in connections:
            connection.sendall(head + b"content-length: %d\r\n\r\n{}" % size)
        for connection in connections[:10]:
            connection.close()
        for connection in connections[10:]:
            connection.sendall(b" " * (size - 2))
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("source", ["variable", "file"])
def test_keys_need_not_be_in_the_list_of_processes(monkeypatch, tmp_path, source):
    """They can be in the environment, or in a file with comments."""
    arguments = []
    if source == "variable":
        monkeypatch.setenv("S3VECTORS_LOCAL_ACCESS_KEY", "AKIATEST:secret AKIAMORE:other")
    else:
        file = tmp_path / "keys"
        file.write_text("# mine\nAKIATEST:secret  # of today\n\nAKIAMORE:other\n")
        arguments = ["--access-key-file", str(file)]
    with serve(*arguments) as url:
        for key, secret, status in (
            ("AKIATEST", "secret", 200),
            ("AKIAMORE", "other", 200),
            ("AKIATEST", "wrong", 403),
        ):
            signed = {"aws_access_key_id": key, "aws_secret_access_key": secret}
            with closing(create_client(endpoint_url=url, config=ONCE, **signed)) as client:
                assert get_status(client.list_vector_buckets) == status


def get_status(call):
    """Return the HTTP status of a call."""
    try:
        return call()["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_plus_in_a_tag_s_key_is_a_plus(tmp_path):
    """This holds with and without signatures. A space is sent as %20."""
    for arguments in ((), ("--access-key", "AKIATEST:secret")):
        with serve(*arguments) as url, closing(create_client(endpoint_url=url, **SIGNED)) as client:
            created = client.create_vector_bucket(
                vectorBucketName="my-bucket", tags={"a+b": "1", "a b": "2", "ab": "3"}
            )
            arn = created["vectorBucketArn"]

            path = f"/tags/{quote(arn, safe='')}"
            signed = sign_request("DELETE", path, "tagKeys=a%2Bb", b"")
            assert send_raw(url, "DELETE", f"{path}?tagKeys=a+b", signed.headers) == 200

            assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a b": "2", "ab": "3"}


def send_raw(url, method, path, headers):
    """Return the status of a request without a body, sent unchanged."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, text in headers.items():
            connection.putheader(name, text)
        connection.endheaders()
        return connection.getresponse().status
