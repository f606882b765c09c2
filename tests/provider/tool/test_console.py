"""`stache-s3vectors console`: S3 Vectors in Stache's words, local or anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from s3vectors_local.console.jobs import JOBS
from s3vectors_local.console.maps import Maps
from s3vectors_local.console.members import Members
from s3vectors_local.console.steps import call_each, list_pages
from s3vectors_local.errors import (
    AccessDeniedException,
    ConflictException,
    NotFoundException,
    ServiceError,
    ValidationException,
)
from stache_ai_s3vectors import S3VectorsProvider
from stache_ai_s3vectors.aws import connections
from stache_ai_s3vectors.settings import load_settings
from stache_ai_s3vectors.tool.console import open_service
from support import plugins
from support.console.client import read_stream, send_request
from support.endpoints import serve
from word_hashing import WordHashingEmbeddings, embed

TEXTS = {"cat": "The cat sleeps.", "dog": "The dog barks.", "bird": "The bird sings."}
BUCKET = "my-bucket"
INDEX = {"vectorBucketName": BUCKET, "indexName": "documents-1024"}


@contextmanager
def start_console(*arguments, **environment):
    """Start the command; yields its process, address and token."""
    command = [sys.executable, "-m", "stache_ai_s3vectors", "console", "--port", "0", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [*command, *arguments], env={**os.environ, **environment}, **pipes
    ) as process:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        address, _, token = json.loads(line)["address"].partition("/#token=")
        try:
            yield process, address, token
        finally:
            process.kill()


def create_settings(endpoint, **more):
    """Create the settings of a store whose embedder hashes words."""
    plugins.register_provider("embeddings", "word-hashing", WordHashingEmbeddings)
    return load_settings(
        s3vectors_bucket_name=BUCKET,
        s3vectors_endpoint_url=endpoint,
        s3vectors_create_index=True,
        embedding_provider="word-hashing",
        embedding_dimension=1024,
        **more,
    )


def fill(endpoint):
    """Insert three chunks as Stache does."""
    provider = S3VectorsProvider(create_settings(endpoint), index_name="documents-1024")
    provider.insert(
        [embed(text) for text in TEXTS.values()],
        [*TEXTS.values()],
        [{"doc_id": key} for key in TEXTS],
        [*TEXTS],
        namespace="home",
    )


@pytest.fixture(params=["http", "local"])
def endpoint(request, tmp_path, monkeypatch):
    """An endpoint with three chunks: a server, or a directory that this process opens."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    if request.param == "local":
        url = f"local:{tmp_path}/data"
        fill(url)
        yield url
        return
    with serve() as url:
        _create_bucket(url)
        fill(url)
        yield url


def _create_bucket(url):
    send_request(url, "/CreateVectorBucket", {"vectorBucketName": BUCKET})


@pytest.fixture
def service(endpoint):
    """The service that the console calls."""
    return open_service(create_settings(endpoint))


def test_the_description_uses_staches_words(service, endpoint):
    """The bucket, the first columns, the embedder; on AWS also the level that it needs."""
    about = service.describe()

    assert about["bucket"] == BUCKET
    assert about["columns"] == ("namespace", "status", "doc_id", "_type")
    assert about["text_key"] == "text"
    assert about["embedder"] == {"name": "word-hashing", "dimension": 1024}
    assert about["indexes"] is None
    local = endpoint.startswith("local:")
    assert about["service"]["kind"] == ("engine" if local else "endpoint")
    assert about["service"]["region"] == "us-east-1"
    assert (about["level"] is None) is local
    if not local:
        assert about["service"]["endpoint"] == endpoint
        assert "manage-indexes" in about["level"]


def test_operations_return_what_the_api_returns(service):
    """Times are seconds; nothing of boto's is left."""
    index = service.call("GetIndex", INDEX)["index"]
    [vector] = service.call("GetVectors", {**INDEX, "keys": ["cat"], "returnMetadata": True})[
        "vectors"
    ]

    assert isinstance(index["creationTime"], float | int)
    assert vector["metadata"]["text"] == TEXTS["cat"]
    listed = service.call("ListIndexes", {"vectorBucketName": BUCKET})
    assert listed.keys() == {"indexes"}
    assert isinstance(listed["indexes"][0]["creationTime"], float | int)
    bucket = service.call("GetVectorBucket", {"vectorBucketName": BUCKET})["vectorBucket"]
    assert isinstance(bucket["creationTime"], float | int)
    assert service.call("ListTagsForResource", {"resourceArn": index["indexArn"]}) == {"tags": {}}


@pytest.mark.parametrize(
    "operation, request_, kind, words",
    [
        ("GetIndex", {**INDEX, "indexName": "none"}, NotFoundException, "could not be found"),
        ("GetIndex", {"indexName": 5}, ServiceError, "."),
        ("QueryVectors", {**INDEX, "topK": 1}, ValidationException, "Must specify"),
        ("QueryVectors", {**INDEX, "topK": "x"}, ServiceError, "."),
        ("GetVectors", {**INDEX, "keys": "cat"}, ServiceError, "."),
        ("GetVectors", {**INDEX, "keys": [None]}, ServiceError, "."),
        (
            "QueryVectors",
            {**INDEX, "topK": 1, "queryVector": {"float32": [1.0]}},
            ValidationException,
            "Query vector contains invalid values",
        ),
    ],
)
def test_an_error_of_the_service_is_passed_on(service, operation, request_, kind, words):
    """With its code and message."""
    with pytest.raises(kind, match=words) as refused:
        service.call(operation, request_)

    assert 400 <= refused.value.status < 500


@pytest.mark.parametrize("operation", ["GetIndex", "ListVectorBuckets", "DeleteVectors"])
@pytest.mark.parametrize(
    "name", ["self", "cls", "args", "kwargs", "operation_name", "", "indexname"]
)
def test_an_unknown_member_of_a_request_is_refused(operation, name):
    """Also the name of a Python argument; the error lists the members."""
    service = open_service(create_settings("http://127.0.0.1:9", s3vectors_max_attempts=1))

    with pytest.raises(ValidationException, match=f"{operation} has no member '{name}'") as refused:
        service.call(operation, {name: 1})

    assert refused.value.status == 400


def test_parallel_pages_are_complete(service):
    """Each vector comes once."""
    fill_more = [{"key": f"k{n}", "data": {"float32": embed(f"w{n}")}} for n in range(300)]
    service.call("PutVectors", {**INDEX, "vectors": json.loads(json.dumps(fill_more))})

    keys = [v["key"] for page in list_pages(service, INDEX) for v in page["vectors"]]

    assert sorted(keys) == sorted([*TEXTS, *(f"k{n}" for n in range(300))])
    requests = [{**INDEX, "keys": [f"k{n}"]} for n in range(20)]
    answers = [page["vectors"][0]["key"] for page in call_each(service, "GetVectors", requests)]
    assert answers == [f"k{n}" for n in range(20)]


def test_a_service_that_does_not_answer_is_unavailable():
    """The error names the endpoint."""
    service = open_service(
        create_settings("http://127.0.0.1:9", s3vectors_retry_seconds=0, s3vectors_max_attempts=1)
    )

    with pytest.raises(ServiceError) as failed:
        service.call("GetIndex", INDEX)

    assert (failed.value.code, failed.value.status) == ("Unavailable", 503)
    assert "127.0.0.1:9" in str(failed.value)


@pytest.mark.parametrize("status, expected", [(304, 502), (301, 502), (999, 502), (403, 403)])
def test_an_error_without_an_error_status_gets_one(status, expected):
    """An endpoint that is not S3 Vectors may answer with any status."""

    class Other(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{other.server_port}"
        service = open_service(
            create_settings(endpoint, s3vectors_retry_seconds=0, s3vectors_max_attempts=1)
        )
        with pytest.raises(ServiceError) as failed:
            service.call("GetIndex", INDEX)
        other.shutdown()

    assert failed.value.status == expected


def test_a_bucket_configured_by_its_arn_is_requested_by_it():
    """It may be in another account."""
    with serve() as url:
        _create_bucket(url)
        arn = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}"
        service = open_service(
            create_settings(url).model_copy(update={"s3vectors_bucket_name": arn})
        )
        shape = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
        service.call("CreateIndex", {**INDEX, **shape})

        assert service.call("GetIndex", INDEX)["index"]["indexArn"].startswith(arn)
        assert service.call("ListIndexes", {"vectorBucketName": BUCKET})["indexes"]


def test_the_console_does_not_create_a_vector_bucket():
    """It would not belong to the store's deployment."""
    with serve() as url:
        service = open_service(create_settings(url))
        with pytest.raises(ConflictException):
            service.call("CreateVectorBucket", {"vectorBucketName": "another"})
        assert send_request(url, "/ListVectorBuckets")[1] == {"vectorBuckets": []}


def test_only_the_region_of_the_settings_is_served(service, endpoint):
    """An engine in this process has all regions."""
    if endpoint.startswith("local:"):
        assert service.in_region("eu-west-1").describe()["service"]["region"] == "eu-west-1"
    else:
        assert service.in_region("us-east-1").describe()["bucket"] == BUCKET
        with pytest.raises(ValidationException, match="us-east-1 only"):
            service.in_region("eu-west-1")


def test_a_question_is_embedded_by_staches_embedder(service):
    """As in a search by Stache."""
    assert service.embed("cat") == pytest.approx(embed("cat"))


def test_an_embedder_that_cannot_be_created_is_an_error():
    """The message is that of the tool's other commands."""
    broken = create_settings("local:").model_copy(update={"embedding_provider": "nothing"})

    with pytest.raises(ServiceError, match="Stache cannot create the embedder 'nothing'") as failed:
        open_service(broken).embed("cat")

    assert failed.value.code == "EmbedderFailed"


def test_staches_indexes_are_listed_if_the_caller_may_not_list_all(service, monkeypatch):
    """For example with the level `read`."""

    def refuse(*_):
        raise AccessDeniedException("no")

    monkeypatch.setattr(service, "call", refuse)

    assert service.describe()["indexes"] == ["documents-1024", "summaries-1024", "insights-1024"]


def test_the_command_serves_the_page_only_with_the_token(endpoint):
    """Also its jobs."""
    connections.close_engines()  # the command runs in another process
    arguments = ("--bucket", BUCKET, "--endpoint", endpoint)
    with start_console(*arguments) as (process, url, token):
        header = {"x-console-token": token}
        assert send_request(url, "/console/api/about")[0].status == 401
        assert (
            send_request(url, "/console/api/about", host="evil.example", **header)[0].status == 403
        )
        assert send_request(url, "/ListVectorBuckets", **header)[0].status == 404
        about = send_request(url, "/console/api/about", **header)[1]
        names = json.dumps({"bucket": BUCKET, "index": "documents-1024"}).encode()
        browsed = read_stream(url, "/console/api/stream/browse", names, **header)[-1]["result"]
        drawn = read_stream(url, "/console/api/stream/map", names, **header)[-1]["result"]
        denied = send_request(url, "/console/api/call/DeleteIndex", INDEX, **header)[0]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert (about["write"], about["requests"]) == (False, False)
    assert {vector["key"] for vector in browsed["vectors"]} == {*TEXTS}
    assert sorted(drawn["keys"]) == sorted(TEXTS)
    assert denied.status == 403
    assert token not in errors
    assert process.returncode == 0


def test_write_allows_deletions(endpoint):
    """Of vectors, for example."""
    connections.close_engines()
    arguments = ("--bucket", BUCKET, "--endpoint", endpoint, "--write")
    with start_console(*arguments) as (process, url, token):
        header = {"x-console-token": token}
        request = {**INDEX, "keys": ["cat"]}
        assert (
            send_request(url, "/console/api/call/DeleteVectors", request, **header)[0].status == 200
        )
        names = json.dumps({"bucket": BUCKET, "index": "documents-1024"}).encode()
        counted = read_stream(url, "/console/api/stream/count", names, **header)[-1]
        process.terminate()
        process.communicate()

    assert counted == {"result": {"count": 2}}


def test_a_port_that_is_in_use_is_an_error():
    """The message says what to do."""
    with start_console("--bucket", BUCKET, "--endpoint", "local:") as (_, url, _token):
        command = [sys.executable, "-m", "stache_ai_s3vectors", "console", "--bucket", BUCKET]
        command += ["--endpoint", "local:", "--port", url.rpartition(":")[2]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "choose another --port" in done.stderr


def finish(steps):
    """Wait for a job, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def test_jobs_work_with_staches_words(service):
    """The results are those of an engine."""
    members = {"bucket": BUCKET, "index": "documents-1024"}

    browsed = finish(
        JOBS["browse"](service, Members({**members, "filter": {"doc_id": {"$ne": "cat"}}}))
    )
    queried = finish(JOBS["query"](service, Members({**members, "text": "sings", "top_k": 1})))
    drawn = finish(Maps().draw(service, Members({**members, "color": "doc_id"})))

    assert {vector["key"] for vector in browsed["vectors"]} == {"bird", "dog"}
    assert [result["key"] for result in queried["results"]] == ["bird"]
    assert drawn["keys"] == ["bird", "cat", "dog"]
    assert {entry["value"] for entry in drawn["colors"]["values"]} == {*TEXTS}


def test_a_map_of_a_service_without_stamps_is_kept_until_a_reload(service):
    """It shows its age. An engine in this process knows when its index changes."""
    members = {"bucket": BUCKET, "index": "documents-1024"}
    maps = Maps()
    finish(maps.draw(service, Members(members)))
    service.call("DeleteVectors", {**INDEX, "keys": ["cat"]})

    cached = finish(maps.draw(service, Members(members)))
    reloaded = finish(maps.draw(service, Members({**members, "refresh": True})))

    knows = service.read_stamp(INDEX) is not None
    assert cached["keys"] == (["bird", "dog"] if knows else ["bird", "cat", "dog"])
    assert reloaded["keys"] == ["bird", "dog"]
