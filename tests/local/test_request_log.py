"""`serve --log` prints a line for each request, without secrets."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import threading
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from s3vectors_local import request_log
from s3vectors_local.request_log import RequestLog
from s3vectors_local.wire import Response
from support.endpoints import create_client, start_server

LINE = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]{12}\+00:00) (.*) (\d+\.\d) ms ?(.*)")
NAMES = {"vectorBucketName": "my-bucket", "indexName": "my-index"}
SECRETS = ("0.125", "words", "secret-key", "hidden", "SECRET")


def strip_times(text):
    """Return the line of each request without its time."""
    results = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(results), text
    return [" ".join(filter(None, match.group(2, 4))) for match in results]


def log_requests(*options, ask, **keys):
    """Return the lines of a server after `ask` has sent its requests."""
    with start_server("--log", "--no-console", *options) as (process, url):
        with closing(create_client(endpoint_url=url, **keys)) as client:
            ask(client, url)
        process.terminate()
        printed, _ = process.communicate()
    return strip_times(printed)


def test_each_request_is_a_line_without_secrets():
    """It has operation, bucket, index and status, whether given by name or by ARN."""

    def ask(client, _):
        client.create_vector_bucket(vectorBucketName="my-bucket")
        arn = client.create_index(
            **NAMES, dataType="float32", dimension=1, distanceMetric="cosine"
        )["indexArn"]
        vector = {"float32": [0.125]}
        metadata = {"text": "words", "secret-key": "hidden"}
        client.put_vectors(
            indexArn=arn, vectors=[{"key": "secret-key", "data": vector, "metadata": metadata}]
        )
        client.query_vectors(
            **NAMES, topK=1, queryVector=vector, filter={"text": "words"}, returnMetadata=True
        )
        client.list_tags_for_resource(resourceArn=arn)
        with pytest.raises(ClientError):
            client.put_vectors(
                **NAMES, vectors=[{"key": "secret-key", "data": {"float32": [0.125, 0.125]}}]
            )
        with pytest.raises(ClientError):
            client.get_index(vectorBucketName="no-bucket", indexName="hid\x1b[31mden\n")

    results = log_requests(ask=ask)

    assert results == [
        "CreateVectorBucket my-bucket 200",
        "CreateIndex my-bucket/my-index 200",
        "PutVectors my-bucket/my-index 200",
        "QueryVectors my-bucket/my-index 200",
        "ListTagsForResource my-bucket/my-index 200",
        "PutVectors my-bucket/my-index 400 ValidationException",
        "GetIndex no-bucket/hid?[31mden? 404 NotFoundException".replace("[", "?"),
    ]


def test_a_refusal_names_the_statement_that_denies(tmp_path):
    """It may be in a bucket policy. If no statement allows, the line has only the code."""
    role = tmp_path / "role.json"
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denied = {"Sid": "NoIndex", "Effect": "Deny", "Action": "s3vectors:GetIndex", "Resource": "*"}
    role.write_text(json.dumps({"Version": "2012-10-17", "Statement": [allowed, denied]}))
    own = {**denied, "Sid": "Own", "Principal": "*", "Action": "s3vectors:ListVectors"}

    def ask(client, _):
        client.create_vector_bucket(vectorBucketName="my-bucket")
        client.put_vector_bucket_policy(
            vectorBucketName="my-bucket", policy=json.dumps({"Statement": own})
        )
        for call in (client.get_index, client.list_vectors):
            with pytest.raises(ClientError):
                call(**NAMES)

    results = log_requests("--policy", str(role), ask=ask)[2:]

    denial = "my-bucket/my-index 403 AccessDeniedException, denied by"
    assert results == [
        f"GetIndex {denial} policy 1, statement 2 (NoIndex)",
        f"ListVectors {denial} bucket policy, statement 1 (Own)",
    ]


def test_requests_that_do_not_reach_the_engine_are_logged(tmp_path):
    """Wrong keys, other hosts, unknown paths and faults cannot forge a line."""
    keys = tmp_path / "keys"
    keys.write_text("ID:SECRET\n")

    def ask(client, url):
        with pytest.raises(ClientError):
            client.list_vector_buckets()
        for path, host in (
            ("/health", "localhost"),
            ("/", "localhost"),
            ("/x?secret-key", "localhost"),
            ("/GetIndex", "evil.example"),
        ):
            with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
                connection.request("GET", path, headers={"host": host, "x-amz-date": "SECRET"})
                connection.getresponse().read()

    results = log_requests("--access-key-file", str(keys), ask=ask)

    assert results == [
        "ListVectorBuckets - 403 UnrecognizedClientException",
        "GET /health - 200",
        "GET / - 200",
        "GET /x - 403 MissingAuthenticationToken",
        "GET /GetIndex - 403 AccessDeniedException",
    ]
    assert not any(secret in line for secret in SECRETS for line in results)


def test_lost_responses_are_logged():
    """The line has the kind of the fault."""

    def ask(client, _):
        with pytest.raises(Exception, match="Connection was closed"):
            client.list_vector_buckets()

    results = log_requests("--fault", "dropped:1", ask=ask)

    assert set(results) == {"ListVectorBuckets - dropped"}


def test_without_the_option_nothing_is_printed():
    """Only the first line is."""
    with start_server("--no-console") as (process, url):
        with closing(create_client(endpoint_url=url)) as client:
            client.list_vector_buckets()
        process.terminate()
        printed, _ = process.communicate()

    assert printed == ""


def test_requests_are_answered_after_the_reader_has_exited():
    """`| head -1` does so."""

    class ExitedReader(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    closed = io.StringIO()
    closed.close()
    for file in (ExitedReader(), closed):
        log = RequestLog(file)
        log.print("POST", "/ListIndexes", Response(200, {}, b""), 0.001)
        log.close()


def test_requests_are_answered_despite_a_slow_reader(monkeypatch):
    """The queue is limited, and the log has the number of missing lines."""
    monkeypatch.setattr(request_log, "_MAX_WAITING", 5)
    reads = threading.Event()
    printed = []

    class SlowReader(io.StringIO):
        def write(self, text):
            assert reads.wait(60)
            printed.append(text)

    log = RequestLog(SlowReader())
    for _ in range(20):
        log.print("POST", "/ListIndexes", "timeout", 0.001)
    reads.set()
    log.close()

    results = "".join(printed).splitlines()
    [missing] = [line for line in results if "are missing: this log is read too slowly" in line]
    assert len(results) - 1 + int(missing.split()[0]) == 20


def test_nothing_in_a_request_forges_a_line_or_a_column():
    """The request has a name with spaces, or a path with a newline."""
    file = io.StringIO()
    log = RequestLog(file)
    answer = Response(404, {}, b"", "a b 200\nx", "Code, denied by bucket policy (\x1b[31m Own)")
    log.print("GET", "/x 200 y\r\n", answer, 0.001)
    log.close()

    [line] = file.getvalue().splitlines()
    assert line.split(" ", 1)[1] == (
        "GET /x?200?y?? a?b?200?x 404 1.0 ms Code, denied by bucket policy (??31m Own)"
    )


def test_pages_without_a_signature_use_no_memory(tmp_path):
    """The server does not wait for an announced body, and reserves no memory for it."""
    keys = tmp_path / "keys"
    keys.write_text("ID:SECRET\n")
    with start_server("--access-key-file", str(keys)) as (_, url), ExitStack() as open_:
        netloc = urlsplit(url).netloc
        host, port = netloc.split(":")
        for _ in range(9):
            waiting = open_.enter_context(socket.create_connection((host, int(port))))
            waiting.sendall(
                b"GET /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20971520\r\n\r\n"
            )
            assert waiting.recv(15) == b"HTTP/1.1 200 OK"
        keyed = {"aws_access_key_id": "ID", "aws_secret_access_key": "SECRET"}
        with closing(create_client(endpoint_url=url, **keyed)) as client:
            assert client.list_vector_buckets()["vectorBuckets"] == []


def test_the_first_page_describes_the_server_and_has_the_readme():
    """It is for a person with a browser and needs no key."""
    with (
        start_server("--access-key", "ID:SECRET") as (_, url),
        closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection,
    ):
        connection.request("GET", "/")
        response = connection.getresponse()
        page = response.read().decode()

    assert response.status == 200
    assert response.getheader("content-type") == "text/plain; charset=utf-8"
    assert page.startswith(
        "s3vectors-local 1.0.0.dev0: a local engine for the Amazon S3 Vectors API"
    )
    assert "AWS_ENDPOINT_URL_S3VECTORS=http://127.0.0.1:9100" in page
    assert "GET /health" in page
    assert "## Request log" in page
