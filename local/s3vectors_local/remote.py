"""A client of a running engine without an SDK, for the commands."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson

from .errors import build_error
from .signatures import HttpRequest, sign

_TIMEOUT_SECONDS = 300
"""Seconds; the first request to a large index loads it."""


_REQUIRED_MEMBERS = {
    "ListVectorBuckets": {"vectorBuckets"},
    "ListIndexes": {"indexes"},
    "ListVectors": {"vectors"},
    "GetVectors": {"vectors"},
    "GetIndex": {"index"},
}
"""Required members of responses."""


class RemoteEngine:
    """Calls an endpoint.

    Args:
        url: the URL of the endpoint, `http://HOST:PORT`.
        access_key: id and secret access key; any key works unless the engine verifies signatures.
        region: the region of the vector buckets.

    Raises:
        ValueError: the URL is not valid.
    """

    def __init__(self, url: str, access_key: tuple[str, str], region: str) -> None:
        parts = urlsplit(url)
        extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
        if parts.scheme not in ("http", "https") or not _has_host(parts) or extra:
            raise ValueError(
                f'"{url}" is not the URL of an endpoint; use for example http://127.0.0.1:9100'
            )
        connection = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._connection = connection[parts.scheme](parts.netloc, timeout=_TIMEOUT_SECONDS)
        self._host = parts.netloc
        self._access_key = access_key
        self._region = region

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call an operation.

        Raises:
            ServiceError: the error that the engine returned.
            OSError: the endpoint cannot be reached, or closed the connection.
        """
        body = orjson.dumps(request)
        headers = {
            "host": self._host,
            "content-type": "application/json",
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        }
        http_request = HttpRequest("POST", f"/{operation}", "", headers, body)
        signed = {"authorization": sign(http_request, *self._access_key, self._region)}
        try:
            self._connection.request(http_request.method, http_request.path, body, headers | signed)
            response = self._connection.getresponse()
            document = orjson.loads(response.read() or b"{}")
        except (http.client.HTTPException, orjson.JSONDecodeError) as error:
            raise _build_foreign_error(f"{error!r:.200}") from error
        finally:
            self._connection.close()  # the next call reopens it: an idle connection may be closed
        if not isinstance(document, dict):
            raise _build_foreign_error(f"{document!r:.200}")
        if response.status != HTTPStatus.OK:
            code = response.getheader("x-amzn-errortype") or "UnknownError"
            raise build_error(code, str(document.get("message", "")), response.status)
        missing = _REQUIRED_MEMBERS.get(operation, set()) - document.keys()
        if missing:
            raise _build_foreign_error(f"its response has no {', '.join(missing)}")
        return document

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _has_host(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port
        return False


def _build_foreign_error(reason: str) -> OSError:
    return OSError(f"the endpoint is not S3 Vectors: {reason}")
