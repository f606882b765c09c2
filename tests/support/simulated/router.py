"""The HTTP entry of the simulated AWS. It routes requests for S3 Vectors to the engine."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from s3vectors_local import Engine
from s3vectors_local.errors import ServiceError
from s3vectors_local.signatures import CREDENTIAL, HttpRequest
from s3vectors_local.wire import answer, build_error_response

from .invocations import Application, Environ, StartResponse
from .roles import act_as

_HEADER_PREFIX: Final = "HTTP_"


class Router:
    """A WSGI application that passes other requests on to moto's application."""

    def __init__(self, moto: Application, engine: Engine) -> None:
        self._moto = moto
        self._engine = engine

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        credential = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if credential is None:  # for another service
            return self._moto(environ, start_response)
        try:
            with act_as(credential[1]):
                response = answer(self._engine, _read_request(environ))
        except ServiceError as error:  # unknown credentials, or a policy that is not evaluated
            response = build_error_response(error)
        reason = HTTPStatus(response.status).phrase
        start_response(f"{response.status} {reason}", [*response.headers.items()])
        return [response.body]


def _read_request(environ: Environ) -> HttpRequest:
    headers = {
        name.removeprefix(_HEADER_PREFIX).replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith(_HEADER_PREFIX)
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    # The path as it was sent: WSGI's PATH_INFO is unquoted
    path = environ["REQUEST_URI"].partition("?")[0]
    return HttpRequest(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers, body)
