"""The console's HTTP API: its callers, its operations, and its responses."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from urllib.parse import urlsplit

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.client import NAMES, create_index, put_vectors, send_request
from support.endpoints import start_server

TOKEN = "a-token"
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def engine():
    """Return an engine with three vectors."""
    with Engine() as engine:
        create_index(engine)
        put_vectors(engine, [(f"k{n}", [n, 1], {"n": n}) for n in range(3)])
        yield engine


@pytest.fixture(scope="module")
def url(engine):
    """Serve the engine with a read-only console."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


@pytest.fixture(scope="module")
def private_console(engine):
    """Serve the engine with a console that requires a token."""
    with serving(engine, console=ConsoleOptions(token=TOKEN)) as url:
        yield url


def test_about_describes_the_service_and_the_console(url):
    """It has the service, the allowed actions, and the location of the vector buckets."""
    response, about = send_request(url, "/console/api/about")

    assert response.status == 200
    assert about["name"] == "s3vectors-local"
    assert about["service"]["kind"] == "engine"
    assert about["service"]["regions"] == ["us-east-1"]
    assert about["write"] is False


def test_a_call_returns_the_operation_s_response(url):
    """The response has its duration as well."""
    _, answer = send_request(url, "/console/api/call/GetVectors", {**NAMES, "keys": ["k1"]})

    assert answer["response"] == {"vectors": [{"key": "k1"}]}
    assert answer["milliseconds"] > 0


def test_a_refusal_has_the_service_s_code_and_message(url):
    """It has the service's status as well."""
    response, answer = send_request(
        url, "/console/api/call/GetIndex", {**NAMES, "indexName": "none"}
    )

    assert response.status == 404
    assert answer == {
        "code": "NotFoundException",
        "message": "The specified index could not be found",
    }


@pytest.mark.parametrize(
    "method, path, status, code",
    [
        ("GET", "/console/api/about", 404, "UnknownOperationException"),
        ("POST", "/console/api/nothing", 404, "UnknownOperationException"),
        ("POST", "/console/api/about/more", 404, "UnknownOperationException"),
        ("POST", "/console/api/call/PutVectors", 404, "UnknownOperationException"),
        ("POST", "/console/api/call/CreateIndex", 404, "UnknownOperationException"),
        ("POST", "/console/api/call/getIndex", 404, "UnknownOperationException"),
        ("POST", "/console/api/call/__class__", 404, "UnknownOperationException"),
        ("POST", "/console/api/stream/nothing", 404, "UnknownOperationException"),
        ("POST", "/console/api/call/DeleteIndex", 403, "AccessDeniedException"),
        ("POST", "/console/api/call/DeleteVectors", 403, "AccessDeniedException"),
        ("POST", "/console/", 404, "UnknownOperationException"),
        ("PUT", "/console/static/index.html", 404, "UnknownOperationException"),
    ],
)
def test_a_request_that_the_page_does_not_need_is_refused(url, method, path, status, code):
    """The API itself may allow it."""
    response, answer = send_request(url, path, NAMES, method)

    assert (response.status, answer["code"]) == (status, code)


def test_a_console_in_write_mode_can_delete():
    """It deletes vectors and an index."""
    with Engine() as engine, serving(engine, console=ConsoleOptions(write=True)) as url:
        create_index(engine)

        response, _ = send_request(url, "/console/api/call/DeleteIndex", NAMES)

        assert response.status == 200
        assert engine.call("ListIndexes", {"vectorBucketName": "my-bucket"}) == {"indexes": []}


@pytest.mark.parametrize(
    "body, status, code",
    [
        (b"{", 400, "SerializationException"),
        (b"[]", 400, "SerializationException"),
        (b'"text"', 400, "SerializationException"),
        (b"\xff", 400, "SerializationException"),
        (b'{"a":"\\ud800"}', 400, "SerializationException"),
        (b"[" * 100_000, 400, "SerializationException"),
        (b" " * (3 << 20), 413, "RequestTooLarge"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(url, body, status, code):
    response, answer = send_request(url, "/console/api/about", body=body)

    assert (response.status, answer["code"]) == (status, code)


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_any_web_page_can_send_is_refused(url, kind):
    """A form is one; a browser sends such a body without a preflight."""
    response, answer = send_request(url, "/console/api/about", **{"content-type": kind})

    assert (response.status, answer["code"]) == (415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize(
    "header, text",
    [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ],
)
@pytest.mark.parametrize(
    "method, path", [("POST", "/console/api/about"), ("GET", "/"), ("GET", "/console/static/x.js")]
)
def test_a_page_of_another_origin_is_refused(url, method, path, header, text):
    """Its origin differs, or its host name resolves to this machine."""
    response, _ = send_request(url, path, method=method, **{header: text, **HTML})

    assert response.status == 403
    assert not any(name.lower().startswith("access-control") for name in response.headers)


def test_each_response_has_the_security_headers(url):
    """Pages, results and errors have them."""
    for path in ("/console/api/about", "/console/api/nothing", "/console/static/none.js"):
        response, _ = send_request(url, path)

        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "token", [None, "", "a-toke", "a-token2", "A-TOKEN", "ä", "a-token,a-token"]
)
def test_a_request_without_the_token_is_refused(private_console, token):
    """The error says where the token is."""
    headers = {} if token is None else {"x-console-token": token.encode()}

    response, answer = send_request(private_console, "/console/api/about", **headers)

    assert (response.status, answer["code"]) == (401, "TokenRequired")
    assert "address" in answer["message"]


def test_with_the_token_the_page_is_served(private_console):
    """It is the same page as without a token, if none is required."""
    assert (
        send_request(private_console, "/console/api/about", **{"x-console-token": TOKEN})[0].status
        == 200
    )


def test_the_api_needs_no_token(private_console):
    """Only the console uses the token."""
    assert send_request(private_console, "/ListVectorBuckets")[0].status == 200


def test_without_a_console_its_paths_are_unknown(engine):
    """The API has no such operations."""
    with serving(engine) as url:
        response, answer = send_request(url, "/console/api/about")

    assert response.status == 404
    assert "The operation console/api/about does not exist" in answer["message"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../service.py", "..%2fservice.py", "%2e%2e/service.py", "service.py", "x.js"],
)
def test_only_the_page_s_own_files_are_served(url, name):
    """A name cannot be a path."""
    response, answer = send_request(url, f"/console/static/{name}", method="GET")

    assert (response.status, answer["code"]) == (404, "UnknownOperationException")


def fetch(url, path, **headers):
    """Send a GET; return the response and its body."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def test_a_browser_gets_the_page_and_others_the_text(url, private_console):
    """The page is at the server's own address. It needs no token, because it contains no data."""
    page = (files("s3vectors_local.console") / "static/index.html").read_bytes()
    for address in (url, private_console):
        response, body = fetch(address, "/", **HTML)

        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["vary"] == "accept"
        assert body == page
        assert fetch(address, "/")[0].headers["content-type"].startswith("text/plain")


def test_every_file_of_the_page_is_served(url):
    """Each has its type and the security headers."""
    names = [file.name for file in (files("s3vectors_local.console") / "static").iterdir()]

    for name in names:
        response, body = fetch(url, f"/console/static/{name}")

        assert response.status == 200
        assert body
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
    assert "main.js" in names


def test_another_region_has_its_own_buckets(engine, url):
    """The page sends the region."""
    caller = engine.caller(None, "eu-central-1")
    engine.call("CreateVectorBucket", {"vectorBucketName": "european"}, caller)
    headers = {"x-console-region": "eu-central-1"}

    _, about = send_request(url, "/console/api/about", **headers)
    _, answer = send_request(url, "/console/api/call/ListVectorBuckets", **headers)

    assert about["service"]["region"] == "eu-central-1"
    assert about["service"]["regions"] == ["eu-central-1", "us-east-1"]
    assert [each["vectorBucketName"] for each in answer["response"]["vectorBuckets"]] == [
        "european"
    ]
    assert send_request(url, "/console/api/about", **{"x-console-region": "EU/x"})[0].status == 400
    engine.call("DeleteVectorBucket", {"vectorBucketName": "european"}, caller)


def read_start(*arguments):
    """Return the second line that the command prints."""
    with start_server(*arguments) as (process, url):
        line = process.stdout.readline()
        assert urlsplit(url).hostname == "127.0.0.1"
        return url, line


@pytest.mark.parametrize("arguments", [(), ("--console", "read"), ("--console=write",)])
def test_the_command_prints_the_console_s_address(arguments):
    """It has no token, because the API does not require a key."""
    url, line = read_start(*arguments)

    assert line == f"s3vectors-local: console: {url}/\n"


def test_the_command_prints_a_token_if_the_api_is_protected(tmp_path):
    """Access keys or policies protect it. Each start has a new token."""
    policy = tmp_path / "policy.json"
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    tokens = set()
    for arguments in [("--access-key", "ID:SECRET"), ("--policy", str(policy))]:
        with start_server("--log", *arguments) as (process, url):
            address, _, token = process.stdout.readline().rstrip().partition("/#token=")
            tokens.add(token)
            response, _ = send_request(url, "/console/api/about", **{"x-console-token": token})
            process.terminate()
            printed, errors = process.communicate()

        assert address == f"s3vectors-local: console: {url}"
        assert response.status == 200
        assert token not in printed + errors
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


@pytest.mark.parametrize("arguments", [("--no-console",), ("--console", "off")])
def test_the_console_can_be_disabled(arguments):
    """A browser then gets the text."""
    with start_server(*arguments) as (_, url):
        response, _ = fetch(url, "/", **HTML)

        assert response.headers["content-type"].startswith("text/plain")
        assert send_request(url, "/console/api/about")[0].status == 404


def test_the_option_write_enables_write_mode():
    """By default, the console only reads."""
    for arguments, write in [((), False), (("--console", "write"), True)]:
        with start_server(*arguments) as (_, url):
            assert send_request(url, "/console/api/about")[1]["write"] is write


NOT_LOADED = """
import sys
from urllib.request import Request, urlopen
from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions

def loaded():
    return sorted(name for name in sys.modules if name.startswith("s3vectors_local.console."))

with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
    json = {"content-type": "application/json"}
    urlopen(Request(f"{url}/ListVectorBuckets", b"{}", json)).read()
    urlopen(f"{url}/health").read()
    assert loaded() == ["s3vectors_local.console.options"], loaded()
    urlopen(Request(f"{url}/console/api/about", b"{}", json)).read()
    assert "s3vectors_local.console.application" in loaded()
"""


def test_nothing_of_the_console_is_loaded_before_it_is_opened():
    """A new interpreter has neither its modules nor its threads."""
    subprocess.run([sys.executable, "-c", NOT_LOADED], check=True)
