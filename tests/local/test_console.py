"""The console's HTTP API: who may ask it, for what, and what it answers."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from urllib.parse import urlsplit

import pytest

from console_client import NAMES, ask, create_index, put
from endpoints import start_server
from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions

TOKEN = "a-token"
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def engine():
    """An engine with three vectors."""
    with Engine() as engine:
        create_index(engine)
        put(engine, [(f"k{n}", [n, 1], {"n": n}) for n in range(3)])
        yield engine


@pytest.fixture(scope="module")
def url(engine):
    """A server whose console only reads."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


@pytest.fixture(scope="module")
def private(engine):
    """A server whose console wants a token."""
    with serving(engine, console=ConsoleOptions(token=TOKEN)) as url:
        yield url


def test_about_says_what_is_shown(url):
    """The service, what the page can do, and where its vector buckets are."""
    response, about = ask(url, "/console/api/about")

    assert response.status == 200
    assert about["name"] == "s3vectors-local"
    assert about["service"]["kind"] == "engine"
    assert about["service"]["regions"] == ["us-east-1"]
    assert about["write"] is False


def test_a_call_has_the_operations_own_response(url):
    """And how long it took."""
    _, answer = ask(url, "/console/api/call/GetVectors", {**NAMES, "keys": ["k1"]})

    assert answer["response"] == {"vectors": [{"key": "k1"}]}
    assert answer["milliseconds"] > 0


def test_a_refusal_has_the_services_code_and_words(url):
    """And its status."""
    response, answer = ask(url, "/console/api/call/GetIndex", {**NAMES, "indexName": "none"})

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
def test_what_the_page_may_not_ask_is_refused(url, method, path, status, code):
    """Whatever the API itself can do."""
    response, answer = ask(url, path, NAMES, method)

    assert (response.status, answer["code"]) == (status, code)


def test_a_console_that_may_write_deletes():
    """Vectors, and an index."""
    with Engine() as engine, serving(engine, console=ConsoleOptions(write=True)) as url:
        create_index(engine)

        response, _ = ask(url, "/console/api/call/DeleteIndex", NAMES)

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
    """However it is wrong."""
    response, answer = ask(url, "/console/api/about", body=body)

    assert (response.status, answer["code"]) == (status, code)


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_web_page_could_send_anywhere_is_refused(url, kind):
    """A form, and a request for which a browser asks no leave."""
    response, answer = ask(url, "/console/api/about", **{"content-type": kind})

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
def test_a_foreign_page_is_refused(url, method, path, header, text):
    """By its own origin, and by a name of its own that leads here."""
    response, _ = ask(url, path, method=method, **{header: text, **HTML})

    assert response.status == 403
    assert not any(name.lower().startswith("access-control") for name in response.headers)


def test_everything_has_the_headers_that_keep_a_browser_from_mischief(url):
    """Pages, answers and refusals."""
    for path in ("/console/api/about", "/console/api/nothing", "/console/static/none.js"):
        response, _ = ask(url, path)

        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "token", [None, "", "a-toke", "a-token2", "A-TOKEN", "ä", "a-token,a-token"]
)
def test_without_the_token_nothing_is_answered(private, token):
    """The error says where it is."""
    headers = {} if token is None else {"x-console-token": token.encode()}

    response, answer = ask(private, "/console/api/about", **headers)

    assert (response.status, answer["code"]) == (401, "TokenRequired")
    assert "address" in answer["message"]


def test_with_the_token_the_page_is_served(private):
    """As without one where none is needed."""
    assert ask(private, "/console/api/about", **{"x-console-token": TOKEN})[0].status == 200


def test_the_api_needs_no_token(private):
    """The token is the console's alone."""
    assert ask(private, "/ListVectorBuckets")[0].status == 200


def test_without_a_console_its_paths_are_the_apis(engine):
    """Which has no such operations."""
    with serving(engine) as url:
        response, answer = ask(url, "/console/api/about")

    assert response.status == 404
    assert "The operation console/api/about does not exist" in answer["message"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../service.py", "..%2fservice.py", "%2e%2e/service.py", "service.py", "x.js"],
)
def test_only_the_pages_own_files_are_served(url, name):
    """A name is none of a path's."""
    response, answer = ask(url, f"/console/static/{name}", method="GET")

    assert (response.status, answer["code"]) == (404, "UnknownOperationException")


def fetch(url, path, **headers):
    """The response to a GET, and its body."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def test_a_browser_gets_the_page_and_others_the_text(url, private):
    """At the server's own address; without a token, because there is no data in it."""
    page = (files("s3vectors_local.console") / "static/index.html").read_bytes()
    for address in (url, private):
        response, body = fetch(address, "/", **HTML)

        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["vary"] == "accept"
        assert body == page
        assert fetch(address, "/")[0].headers["content-type"].startswith("text/plain")


def test_every_file_of_the_page_is_served(url):
    """With its type, and the headers of all."""
    names = [file.name for file in (files("s3vectors_local.console") / "static").iterdir()]

    for name in names:
        response, body = fetch(url, f"/console/static/{name}")

        assert response.status == 200
        assert body
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
    assert "main.js" in names


def test_another_region_has_its_own_buckets(engine, url):
    """The page says which it means."""
    caller = engine.caller(None, "eu-central-1")
    engine.call("CreateVectorBucket", {"vectorBucketName": "european"}, caller)
    headers = {"x-console-region": "eu-central-1"}

    _, about = ask(url, "/console/api/about", **headers)
    _, answer = ask(url, "/console/api/call/ListVectorBuckets", **headers)

    assert about["service"]["region"] == "eu-central-1"
    assert about["service"]["regions"] == ["eu-central-1", "us-east-1"]
    assert [each["vectorBucketName"] for each in answer["response"]["vectorBuckets"]] == [
        "european"
    ]
    assert ask(url, "/console/api/about", **{"x-console-region": "EU/x"})[0].status == 400
    engine.call("DeleteVectorBucket", {"vectorBucketName": "european"}, caller)


def read_start(*arguments):
    """The second line that the command prints."""
    with start_server(*arguments) as (process, url):
        line = process.stdout.readline()
        assert urlsplit(url).hostname == "127.0.0.1"
        return url, line


@pytest.mark.parametrize("arguments", [(), ("--console", "read"), ("--console=write",)])
def test_the_command_prints_where_the_console_is(arguments):
    """Without a token, because nobody needs one for the API either."""
    url, line = read_start(*arguments)

    assert line == f"s3vectors-local: console: {url}/\n"


def test_the_command_prints_the_token_where_the_api_is_not_for_everybody(tmp_path):
    """With access keys, and with policies; it is new each time."""
    policy = tmp_path / "policy.json"
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    tokens = set()
    for arguments in [("--access-key", "ID:SECRET"), ("--policy", str(policy))]:
        with start_server("--log", *arguments) as (process, url):
            address, _, token = process.stdout.readline().rstrip().partition("/#token=")
            tokens.add(token)
            response, _ = ask(url, "/console/api/about", **{"x-console-token": token})
            process.terminate()
            printed, errors = process.communicate()

        assert address == f"s3vectors-local: console: {url}"
        assert response.status == 200
        assert token not in printed + errors
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


@pytest.mark.parametrize("arguments", [("--no-console",), ("--console", "off")])
def test_the_console_can_be_switched_off(arguments):
    """A browser gets the text then."""
    with start_server(*arguments) as (_, url):
        response, _ = fetch(url, "/", **HTML)

        assert response.headers["content-type"].startswith("text/plain")
        assert ask(url, "/console/api/about")[0].status == 404


def test_with_write_the_command_s_console_writes():
    """It does not by default."""
    for arguments, write in [((), False), (("--console", "write"), True)]:
        with start_server(*arguments) as (_, url):
            assert ask(url, "/console/api/about")[1]["write"] is write


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
    """In a fresh interpreter; its threads begin then, too."""
    subprocess.run([sys.executable, "-c", NOT_LOADED], check=True)
