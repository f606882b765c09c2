"""A client of a running engine, for the commands that need one; no SDK is needed for it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson

from . import errors
from .errors import ServiceError
from .signatures import HttpRequest, authorization

_TIMEOUT = 300
"""Seconds: a large index that is asked for the first time takes a while."""


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
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
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
            raise OSError(f"what answers there is not S3 Vectors: {error!r:.200}") from error
        if response.status != HTTPStatus.OK:
            raise _error(response.getheader("x-amzn-errortype", ""), answer)
        return answer  # type: ignore[no-any-return]  # JSON; its shape is the operation's

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _error(code: str, answer: Any) -> ServiceError:
    """The error of an answer, of its own class where there is one for its code."""
    kind = getattr(errors, code, None)
    message = answer.get("message", "") if isinstance(answer, dict) else ""
    if isinstance(kind, type) and issubclass(kind, ServiceError) and kind.__name__.endswith("tion"):
        return kind(message)
    return errors.AuthenticationError(code or "UnknownError", message)
