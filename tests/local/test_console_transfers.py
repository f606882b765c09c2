"""Exports and imports through a browser, with a checksum for each line."""

from __future__ import annotations

import gzip
import http.client
import json
from contextlib import closing
from io import BytesIO
from urllib.parse import urlsplit

import numpy as np
import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console import downloads
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.exports import Writer, build_header
from s3vectors_local.iam import Policies
from s3vectors_local.snapshots import SnapshotIndex
from support.console.client import PAGE, create_index, put_vectors, read_stream, send_request

COUNT = 20_000
IMPORT = "/console/api/import?bucket=copies&index=copy"
FILE = {"content-type": "application/octet-stream"}
VECTORS = np.random.default_rng(5).normal(size=(COUNT, 3)).astype(np.float32)
HIDDEN = {
    "nonFilterableMetadataKeys": ["text"],
    "textSearchConfigurations": [{"metadataKey": "text", "language": "de"}],
}


@pytest.fixture(scope="module")
def engine():
    """Return an engine with 20,000 vectors."""
    with Engine() as engine:
        create_index(engine, 3, metadataConfiguration=HIDDEN)
        put_vectors(
            engine, [(f"k{n:05d}", VECTORS[n], {"n": n, "text": "ä"}) for n in range(COUNT)]
        )
        yield engine


@pytest.fixture(scope="module")
def url(engine):
    """Serve the engine with a console in write mode."""
    with serving(engine, console=ConsoleOptions(write=True)) as url:
        yield url


def export(engine, bucket="my-bucket", index="idx"):
    """Return the bytes that `s3vectors-local export` writes."""
    file = BytesIO()
    SnapshotIndex(engine.call, bucket, index).write_to(file, compressed=False)
    return file.getvalue()


def request_download(url, **members):
    """Request a download and return its address."""
    response, answer = send_request(url, "/console/api/download", {**PAGE, **members})
    assert response.status == 200, answer
    return f"/console/download/{answer['ticket']}"


def fetch(url, address):
    """Send a GET; return the response and its body."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request("GET", address)
        response = connection.getresponse()
        return response, response.read()


def list_keys(body):
    """Return the keys in an export."""
    lines = [json.loads(line) for line in body.splitlines()]
    assert lines[-1]["vectors"] == len(lines) - 2
    return [line["key"] for line in lines[1:-1]]


def test_a_download_equals_an_export(url, engine):
    """It is a file with the same bytes."""
    response, body = fetch(url, request_download(url))

    assert response.headers["content-disposition"] == 'attachment; filename="idx.jsonl"'
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert body == export(engine)


@pytest.mark.parametrize(
    "members, expected",
    [
        ({"prefix": "k0001"}, [f"k{n:05d}" for n in range(10, 20)]),
        ({"filter": {"n": {"$lt": 3}}}, ["k00000", "k00001", "k00002"]),
        ({"filter": {"n": {"$lt": 30}}, "prefix": "k0002"}, [f"k{n:05d}" for n in range(20, 30)]),
        ({"keys": ["k00007", "none", "k00003", "k00003"]}, ["k00003", "k00007"]),
        ({"prefix": "none"}, []),
    ],
)
def test_a_download_can_select_vectors(url, members, expected):
    """Prefix, filter or keys select them. The file is complete in each case."""
    assert list_keys(fetch(url, request_download(url, **members))[1]) == expected


def test_a_download_can_be_fetched_only_once(url):
    """So its address is useless to later readers."""
    address = request_download(url, keys=["k00001"])
    assert fetch(url, address)[0].status == 200

    response, body = fetch(url, address)

    assert response.status == 404
    assert json.loads(body)["code"] == "NotFoundException"


def test_a_download_s_address_expires(url, monkeypatch):
    monkeypatch.setattr(downloads, "_SECONDS", -1)

    assert fetch(url, request_download(url))[0].status == 404


def test_the_number_of_open_downloads_is_limited(url):
    """Tickets are stored in memory."""
    first, *_, last = [request_download(url, keys=["k00001"]) for _ in range(101)]

    assert fetch(url, first)[0].status == 404
    assert fetch(url, last)[0].status == 200


@pytest.mark.parametrize("ticket", ["", "x", "../about", "%00", "a/b"])
def test_an_unknown_ticket_is_refused(url, ticket):
    assert fetch(url, f"/console/download/{ticket}")[0].status == 404


@pytest.mark.parametrize(
    "members, status, code",
    [
        ({"index": "none"}, 404, "NotFoundException"),
        ({"bucket": 1}, 400, "ValidationException"),
        ({"filter": {"text": "ä"}}, 400, "ValidationException"),
        ({"keys": []}, 400, "ValidationException"),
        ({"keys": "k"}, 400, "ValidationException"),
        ({"keys": [1]}, 400, "ValidationException"),
        ({"keys": ["k"] * 10_001}, 400, "ValidationException"),
        ({"prefix": ["k"]}, 400, "ValidationException"),
    ],
)
def test_an_invalid_download_is_refused_when_it_is_requested(url, members, status, code):
    """Then the page can still show the reason."""
    response, answer = send_request(url, "/console/api/download", {**PAGE, **members})

    assert (response.status, answer["code"]) == (status, code)


def test_a_download_with_too_many_vectors_is_refused(url, monkeypatch):
    """Their keys are in memory. The commands have no such limit."""
    monkeypatch.setattr(downloads, "_KEYS", 1000)

    response, body = fetch(url, request_download(url))

    assert response.status == 400
    assert "s3vectors-local export" in json.loads(body)["message"]


def test_a_download_that_fails_midway_is_incomplete(url, engine, monkeypatch):
    """So the browser reports the failure."""
    address, original, calls = request_download(url), engine.call, []

    def call(operation, *arguments):
        calls.append(operation)
        if calls.count("GetVectors") > 30:
            raise ValueError("the disk is gone")
        return original(operation, *arguments)

    monkeypatch.setattr(engine, "call", call)

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        fetch(url, address)


def test_an_import_creates_bucket_and_index(url, engine):
    """A vector with the same key is replaced."""
    lines = read_stream(url, IMPORT, export(engine), **FILE)

    assert lines[-1] == {"result": {"count": COUNT}}
    assert lines[0] == {"progress": {"phase": "importing", "done": 0, "total": None}}
    assert export(engine, "copies", "copy") == export(engine)
    second = read_stream(url, IMPORT, export(engine), **FILE)
    assert second[-1] == {"result": {"count": COUNT}}
    engine.call("DeleteIndex", {"vectorBucketName": "copies", "indexName": "copy"})


def test_a_compressed_file_can_be_imported(url, engine):
    """The commands write such files."""
    body = gzip.compress(fetch(url, request_download(url, prefix="k0000"))[1])

    lines = read_stream(url, IMPORT, body, **{"content-type": "application/x-ndjson"})

    assert lines[-1] == {"result": {"count": 10}}
    engine.call("DeleteIndex", {"vectorBucketName": "copies", "indexName": "copy"})


def count_copies(engine):
    """Return the number of vectors in the copy."""
    copy = {"vectorBucketName": "copies", "indexName": "copy"}
    return len(engine.call("ListVectors", {**copy, "maxResults": 1000})["vectors"])


@pytest.mark.parametrize("damage", ["changed", "cut", "swapped"])
def test_a_damaged_file_is_imported_up_to_the_damage(url, engine, damage):
    """The error has the line and the number of stored vectors."""
    lines = fetch(url, request_download(url, prefix="k00"))[1].splitlines(keepends=True)
    if damage == "changed":
        lines[701] = lines[701].replace(b'"n":700', b'"n":701')
    if damage == "cut":
        lines = [*lines[:701], lines[701][:20]]
    if damage == "swapped":
        lines[701:703] = lines[702], lines[701]

    error = read_stream(url, IMPORT, b"".join(lines), **FILE)[-1]["error"]

    assert error["code"] == "DamagedExport"
    assert "line 702 of the file is damaged" in error["message"]
    assert error["message"].endswith("700 vectors of the file are stored.")
    assert count_copies(engine) == 700
    engine.call("DeleteIndex", {"vectorBucketName": "copies", "indexName": "copy"})


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"text", b"\xff" * 100_000, b"\x1f\x8b broken", b"x" * 3_000_000]
)
def test_a_file_that_is_not_an_export_changes_nothing(url, engine, body):
    """Not even an index is created."""
    error = read_stream(url, "/console/api/import?bucket=nothing&index=nothing", body, **FILE)[-1][
        "error"
    ]

    assert error["code"] == "DamagedExport"
    assert error["message"].endswith("Nothing is stored.")
    buckets = engine.call("ListVectorBuckets", {"prefix": "nothing"})["vectorBuckets"]
    assert buckets == []


def test_a_file_of_an_index_with_another_configuration_is_refused(url, engine):
    """The error names both."""
    names = {"vectorBucketName": "my-bucket", "indexName": "other"}
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**names, **shape})
    target = "/console/api/import?bucket=my-bucket&index=other"

    error = read_stream(url, target, export(engine), **FILE)[-1]["error"]

    assert error["code"] == "ValidationException"
    assert "the index my-bucket/other has dimension" in error["message"]
    assert error["message"].endswith("Nothing is stored.")


def test_a_refusal_does_not_contain_the_whole_first_line(url):
    """The line may have a megabyte."""
    keys = [f"k{number}" for number in range(50_000)]
    file = BytesIO()
    Writer(file, compressed=False, head=build_header(2, "cosine", keys)).finish()

    target = "/console/api/import?bucket=my-bucket&index=idx"
    error = read_stream(url, target, file.getvalue(), **FILE)[-1]["error"]

    assert "the file has (2, 'cosine', ['k0'" in error["message"]
    assert len(error["message"]) < 2_000


ALLOW = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "s3vectors:CreateIndex", "Resource": "*"}


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    "dimension, statements, code",
    [(5_000, [ALLOW], "ValidationException"), (2, [ALLOW, DENY], "AccessDeniedException")],
)
def test_an_import_whose_index_is_refused_deletes_the_bucket_it_created(
    exists, dimension, statements, code
):
    """A bucket that existed before stays."""
    file = BytesIO()
    Writer(file, compressed=False, head=build_header(dimension, "cosine", ())).finish()
    policies = Policies({"Version": "2012-10-17", "Statement": statements})
    with (
        Engine(policies=policies) as engine,
        serving(engine, console=ConsoleOptions(write=True)) as url,
    ):
        if exists:
            engine.call("CreateVectorBucket", {"vectorBucketName": "copies"})
        error = read_stream(url, IMPORT, file.getvalue(), **FILE)[-1]["error"]

        assert error["code"] == code
        assert len(engine.call("ListVectorBuckets", {})["vectorBuckets"]) == exists


@pytest.mark.parametrize(
    "query",
    ["", "?bucket=b", "?index=i", "?bucket=a&bucket=b&index=i", "?bucket=my-bucket&indexes=idx"],
)
def test_an_import_without_a_target_is_refused(url, query):
    """Nothing is read before."""
    response, answer = send_request(url, f"/console/api/import{query}", body=b"{}", **FILE)

    assert (response.status, answer["code"]) == (400, "ValidationException")


@pytest.mark.parametrize(
    "target", ["?bucket=&index=", "?bucket=B&index=i", "?bucket=..%2F..&index=%00"]
)
def test_an_import_into_an_invalid_index_is_refused(url, engine, target):
    """The error has the service's message."""
    error = read_stream(url, f"/console/api/import{target}", export(engine), **FILE)[-1]["error"]

    assert error["code"] == "ValidationException"
    assert error["message"].endswith("Nothing is stored.")


@pytest.mark.parametrize("kind", [None, "text/plain", "multipart/form-data", "application/json"])
def test_a_form_cannot_import(url, kind):
    """A web page of another origin can send one."""
    response, answer = send_request(url, IMPORT, body=b"{}", **{"content-type": kind})

    assert (response.status, answer["code"]) == (415, "UnsupportedMediaTypeException")


def test_a_read_only_console_does_not_import(engine):
    """The error says how to start one in write mode."""
    with serving(engine, console=ConsoleOptions()) as url:
        response, answer = send_request(url, IMPORT, body=b"{}", **FILE)

    assert (response.status, answer["code"]) == (403, "AccessDeniedException")
    assert "--console write" in answer["message"]


def test_an_import_needs_the_token(engine):
    """A download does not, because its ticket is secret."""
    with serving(engine, console=ConsoleOptions(write=True, token="t")) as url:
        response, _ = send_request(url, IMPORT, body=b"{}", **FILE)
        assert response.status == 401
        _, answer = send_request(
            url, "/console/api/download", {**PAGE, "keys": ["k00001"]}, **{"x-console-token": "t"}
        )

        assert fetch(url, f"/console/download/{answer['ticket']}")[0].status == 200


def test_a_denied_import_reports_the_stored_vectors():
    """The error names the statement."""
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "s3vectors:PutVectors", "Resource": "*", "Sid": "no"}
    policies = Policies({"Version": "2012-10-17", "Statement": [allow, deny]})
    with Engine() as source:
        create_index(source)
        put_vectors(source, [("a", [1, 0], {})])
        body = export(source)
    options = {"console": ConsoleOptions(write=True)}
    with Engine(policies=policies) as engine, serving(engine, **options) as url:
        error = read_stream(url, IMPORT, body, **FILE)[-1]["error"]

    assert error["code"] == "AccessDeniedException"
    assert error["statement"] == "policy 1, statement 2 (no)"
    assert error["message"].endswith("Nothing is stored.")


def test_an_interrupted_import_keeps_the_stored_vectors(url, engine):
    """Only complete requests are stored, and the next import works."""
    body = export(engine)
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.putrequest("POST", IMPORT)
        connection.putheader("content-type", "application/octet-stream")
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body[: len(body) // 2])
        response = connection.getresponse()  # the first line of the progress
        assert response.status == 200

    lines = read_stream(url, IMPORT, body, **FILE)

    assert lines[-1] == {"result": {"count": COUNT}}
    assert export(engine, "copies", "copy") == body
    engine.call("DeleteIndex", {"vectorBucketName": "copies", "indexName": "copy"})


def test_stopping_the_server_ends_an_import(engine):
    """It does not wait for a browser that sends nothing."""
    body = export(engine)
    with serving(engine, console=ConsoleOptions(write=True)) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.putrequest("POST", IMPORT)
        connection.putheader("content-type", "application/octet-stream")
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body[:100_000])
        assert connection.getresponse().status == 200

    connection.close()
    assert list_keys(export(engine))


def test_the_number_of_simultaneous_imports_is_limited(engine):
    """Each has a thread that waits for its browser."""
    body = export(engine)
    with serving(engine, console=ConsoleOptions(write=True)) as url:
        waiting = []
        for _ in range(2):
            connection = http.client.HTTPConnection(urlsplit(url).netloc)
            connection.putrequest("POST", IMPORT)
            connection.putheader("content-type", "application/octet-stream")
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body[:1000])
            assert connection.getresponse().status == 200
            waiting.append(connection)

        response, answer = send_request(url, IMPORT, body=b"{}", **FILE)

        assert (response.status, answer["code"]) == (429, "TooManyRequestsException")
        for connection in waiting:
            connection.close()
