"""The one door: S3 Vectors to the engine, all else to moto."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from s3vectors_local import Engine
from s3vectors_local.errors import ServiceError
from s3vectors_local.signatures import CREDENTIAL, HttpRequest
from s3vectors_local.wire import answer, build_error_response

from .invocations import Application, Environ, Start
from .roles import act_as

_HEADER: Final = "HTTP_"


class Gate:
    """A WSGI application in front of moto's."""

    def __init__(self, moto: Application, engine: Engine) -> None:
        self._moto = moto
        self._engine = engine

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        signed = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:  # for another service
            return self._moto(environ, start)
        try:
            with act_as(signed[1]):
                response = answer(self._engine, _read_request(environ))
        except ServiceError as error:  # of credentials
            response = build_error_response(error)
        reason = HTTPStatus(response.status).phrase
        start(f"{response.status} {reason}", [*response.headers.items()])
        return [response.body]


def _read_request(environ: Environ) -> HttpRequest:
    headers = {
        name.removeprefix(_HEADER).replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith(_HEADER)
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    # As it was sent: WSGI's own path is unquoted
    path = environ["REQUEST_URI"].partition("?")[0]
    return HttpRequest(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers, body)
