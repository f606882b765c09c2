"""A client of a running engine, for the commands that need one; no SDK is needed for it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson

from .errors import build_error
from .signatures import HttpRequest, authorization

_TIMEOUT = 300
"""Seconds: a large index that is asked for the first time takes a while."""


_ANSWERS = {
    "ListVectorBuckets": {"vectorBuckets"},
    "ListIndexes": {"indexes"},
    "ListVectors": {"vectors"},
    "GetVectors": {"vectors"},
    "GetIndex": {"index"},
}
"""What an answer has at least."""


class RemoteEngine:
    """Performs operations at an endpoint.

    Args:
        url: of the endpoint, `http://HOST:PORT`.
        access_key: id and secret access key; any will do unless the engine verifies signatures.
        region: whose vector buckets are meant.

    Raises:
        ValueError: the URL is not one of HTTP.
    """

    def __init__(self, url: str, access_key: tuple[str, str], region: str) -> None:
        parts = urlsplit(url)
        more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
        if parts.scheme not in ("http", "https") or not _has_host(parts) or more:
            raise ValueError(
                f'"{url}" is not the URL of an endpoint, such as http://127.0.0.1:9100'
            )
        connection = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._connection = connection[parts.scheme](parts.netloc, timeout=_TIMEOUT)
        self._host = parts.netloc
        self._access_key = access_key
        self._region = region

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Perform an operation.

        Raises:
            ServiceError: what the engine answered instead.
            OSError: it cannot be reached, or left.
        """
        body = orjson.dumps(request)
        headers = {
            "host": self._host,
            "content-type": "application/json",
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        }
        sent = HttpRequest("POST", f"/{operation}", "", headers, body)
        signed = {"authorization": authorization(sent, *self._access_key, self._region)}
        try:
            self._connection.request(sent.method, sent.path, body, headers | signed)
            response = self._connection.getresponse()
            answer = orjson.loads(response.read() or b"{}")
        except (http.client.HTTPException, orjson.JSONDecodeError) as error:
            raise _not_ours(f"{error!r:.200}") from error
        finally:
            self._connection.close()  # the next call opens it again: an idle one may be closed
        if not isinstance(answer, dict):
            raise _not_ours(f"{answer!r:.200}")
        if response.status != HTTPStatus.OK:
            code = response.getheader("x-amzn-errortype") or "UnknownError"
            raise build_error(code, str(answer.get("message", "")), response.status)
        missing = _ANSWERS.get(operation, set()) - answer.keys()
        if missing:
            raise _not_ours(f"its answer has no {', '.join(missing)}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _has_host(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _not_ours(what: str) -> OSError:
    return OSError(f"what answers there is not S3 Vectors: {what}")
