"""`doctor` checks whether S3 Vectors answers, and to these credentials."""

from __future__ import annotations

import http.server
import threading
from datetime import datetime, timedelta, timezone

import pytest

from stache_ai_s3vectors.settings import resolve_settings
from support import endpoints, providers
from support.doctor_setup import WebPage, find_problems


@pytest.mark.parametrize(
    "code, text",
    [
        ("ExpiredTokenException", "renew the credentials"),
        ("UnrecognizedClientException", "check the access key id"),
        ("InvalidSignatureException", "check the secret access key"),
    ],
)
def test_invalid_credentials_are_wrong(three_indexes, code, text):
    """Nothing else is tried; these error codes are not in the service's model."""
    client = providers.connections.get_client(resolve_settings(providers.Settings()))
    body = b'{"message":"The security token included in the request is not good"}'
    denied = providers.HttpResponse(403, {"x-amzn-errortype": code}, body)
    providers.set_responses(client, "GetIndex", *[denied] * 9)

    [(check, _, fix)] = find_problems()

    assert check == "credentials"
    assert text in fix


def test_a_wrong_secret_key_is_detected():
    """By a server over HTTP that verifies signatures, as AWS does."""
    with endpoints.serve("--access-key", "testing:right") as url:
        [(check, text, fix)] = find_problems("--endpoint", url, "--region", "us-east-1")

    assert check == "credentials"
    assert "secret" in fix
    assert "signature" in text


def test_an_endpoint_that_is_another_web_server_is_wrong():
    """Its pages are not responses of S3 Vectors."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WebPage) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        [(check, text, fix)] = find_problems("--endpoint", f"http://127.0.0.1:{web.server_port}")
        web.shutdown()

    assert check == "endpoint"
    assert "the response is not from S3 Vectors" in text
    assert fix


@pytest.mark.parametrize("minutes, word", [(-20, "ahead"), (20, "behind")])
def test_a_wrong_clock_is_reported_instead_of_its_consequences(monkeypatch, minutes, word):
    """AWS refuses the signature; the Date of its response has the reason."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "http://127.0.0.1:1")
    client = providers.connections.get_client(resolve_settings(providers.Settings()))
    server_time = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    headers = {
        "x-amzn-errortype": "InvalidSignatureException",
        "date": server_time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    late = providers.HttpResponse(403, headers, b'{"message":"Signature expired"}')
    providers.set_responses(client, "GetIndex", *[late] * 9)

    [(check, text, fix)] = find_problems()

    assert check == "clock"
    assert word in text
    assert "set the clock" in fix


def test_a_service_that_throttles_is_not_unreachable(three_indexes, monkeypatch):
    """The fix is to wait."""
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    providers.skip_waiting(monkeypatch)
    slow = providers.HttpResponse(
        429, {"x-amzn-errortype": "TooManyRequestsException"}, b'{"message":"m"}'
    )
    providers.set_responses(client, "GetIndex", *[slow] * 99)

    [(check, _, fix)] = find_problems()

    assert check == "endpoint"
    assert "wait, then try again" in fix


def test_a_lost_connection_is_reported(monkeypatch):
    """The error of botocore has a response that is None."""
    monkeypatch.setenv("S3VECTORS_MAX_ATTEMPTS", "1")
    with endpoints.serve("--fault", "dropped:1") as url:
        [(check, text, fix)] = find_problems("--endpoint", url, "--region", "us-east-1")

    assert check == "endpoint"
    assert "Connection was closed" in text
    assert "start the server" not in fix
