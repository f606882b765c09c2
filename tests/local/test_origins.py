"""The server answers its own host names, and no web pages of other origins."""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from s3vectors_local import Engine, serving
from support.endpoints import create_client, serve

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def url():
    """Return the URL of a server with default options."""
    with serve() as url:
        yield url


def ask(url, headers, method="POST", path="/ListVectorBuckets", body=b"{}"):
    """Send a request with exactly these headers; return status, headers and document."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), json.loads(response.read())


def build_headers(host):
    """Return the headers of a request to that host."""
    return [("host", host), *JSON.items()]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.:9100",
        "127.0.0.1",
        "127.0.0.1:9100",
        "127.1.2.3",
        "[::1]",
        "[::1]:9100",
    ],
)
def test_a_name_of_this_machine_is_answered(url, host):
    """Any port is accepted, because the port may be forwarded."""
    assert ask(url, build_headers(host))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9100",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1:x",
        "192.0.2.1",
        "0.0.0.0",  # noqa: S104 - the refused name
        "[::]",
        "s3vectors",
        "",
        "[",
        "local host",
    ],
)
def test_another_name_is_refused(url, host):
    """It may belong to a web page and resolve to this machine. The error has advice."""
    status, headers, document = ask(url, build_headers(host))

    assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert "--allow-host" in document["message"]


def test_a_request_without_a_host_or_with_two_is_refused(url):
    """HTTP/1.1 requires exactly one."""
    assert ask(url, [*JSON.items()])[0] == 403
    assert ask(url, [*build_headers("localhost"), ("host", "evil.example")])[0] == 403


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://localhost",
        "http://127.0.0.1:3000",
        "https://localhost.evil.example",
        "file://",
        "",
    ],
)
@pytest.mark.parametrize("method, path", [("POST", "/ListVectorBuckets"), ("GET", "/health")])
def test_another_origin_is_refused(url, origin, method, path):
    """It may be another port of this machine. No response allows any origin."""
    headers = [*build_headers("localhost:9100"), ("origin", origin)]

    status, answered, document = ask(url, headers, method, path)

    assert status == 403
    assert "Origin" in document["message"]
    assert not any(name.lower().startswith("access-control") for name in answered)


@pytest.mark.parametrize("origin", ["http://localhost:9100", "https://localhost:9100"])
def test_the_server_s_own_origin_is_answered(url, origin):
    """Its own pages can send requests."""
    assert ask(url, [*build_headers("localhost:9100"), ("origin", origin)])[0] == 200


@pytest.mark.parametrize(
    "site, status", [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_the_sec_fetch_site_header_counts(url, site, status):
    """Browsers send it even without Origin."""
    assert ask(url, [*build_headers("localhost"), ("sec-fetch-site", site)])[0] == status


def test_a_preflight_is_not_allowed(url):
    """The server never sends a CORS header."""
    preflight = [("access-control-request-method", "POST"), ("access-control-request-headers", "x")]

    status, headers, _ = ask(url, [*build_headers("localhost"), *preflight], "OPTIONS", body=b"")

    assert status == 404
    assert not any(name.lower().startswith("access-control") for name in headers)


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"]
)
def test_a_body_not_declared_as_json_changes_nothing(media_type):
    """A page can send these three to any host without a preflight."""
    with serve() as url, closing(create_client(endpoint_url=url)) as client:
        headers = [
            ("host", "localhost"),
            *([("content-type", media_type)] if media_type is not None else []),
        ]
        body = b'{"vectorBucketName":"planted"}'

        status, answered, _ = ask(url, headers, path="/CreateVectorBucket", body=body)

        assert (status, answered["x-amzn-errortype"]) == (415, "UnsupportedMediaTypeException")
        assert client.list_vector_buckets()["vectorBuckets"] == []


def test_other_names_can_be_allowed():
    """Containers use the name of a service."""
    with serve("--allow-host", "s3vectors", "--allow-host", "Other.Example.") as url:
        for host in ("s3vectors:9100", "S3VECTORS", "other.example:80", "localhost"):
            assert ask(url, build_headers(host))[0] == 200
        assert ask(url, build_headers("third"))[0] == 403


def test_an_invalid_name_cannot_be_allowed():
    """It would never match, or always."""
    for host in ("", "a b", "http://x", "[::1"):
        command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0"]
        result = subprocess.run(
            [*command, "--allow-host", host], capture_output=True, text=True, check=False
        )
        assert result.returncode == 2
        assert result.stderr == (f"s3vectors-local: {host!r} is not a host name or an address\n")


def test_the_listening_address_is_an_allowed_name():
    """This needs no option."""
    with serve("--host", "127.0.0.2") as url:
        assert "127.0.0.2" in url
        with closing(create_client(endpoint_url=url)) as client:
            assert client.list_vector_buckets()["vectorBuckets"] == []


def test_an_sdk_that_uses_an_allowed_name_is_answered(monkeypatch):
    """It signs with that name. In Python, `serving` accepts the names of this machine."""
    with Engine() as engine, serving(engine) as url:
        port = url.rpartition(":")[2]
        with closing(create_client(endpoint_url=f"http://localhost:{port}")) as client:
            assert client.list_vector_buckets()["vectorBuckets"] == []


def get_modes(folder):
    """Return the permissions of a folder and its files."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


def test_other_users_of_the_machine_can_read_nothing(tmp_path):
    """The umask does not matter."""
    before = os.umask(0)
    try:
        with Engine(tmp_path / "deep" / "data") as engine:
            engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
            results = get_modes(tmp_path / "deep" / "data")
    finally:
        os.umask(before)

    assert results == {
        "data": 0o700,
        "lock": 0o600,
        "s3vectors.db": 0o600,
        "s3vectors.db-wal": 0o600,
    }


def test_an_existing_folder_keeps_its_permissions(tmp_path):
    """Its owner has set them."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)

    with Engine(folder):
        assert get_modes(folder)["data"] == 0o755
