"""The protocol: an HTTP request in, an HTTP response out.

S3 Vectors speaks AWS's rest-json: `POST /OperationName` with a JSON body, and tags under
`/tags/ARN`; an error has its code in the `x-amzn-errortype` header and its text in the body.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from .arns import DEFAULT_REGION, Caller
from .engine import OPERATIONS, Engine
from .errors import (
    InheritedEngineError,
    InternalServerException,
    ServiceError,
    UnknownOperationException,
    UnsupportedMediaTypeException,
    ValidationException,
)
from .faults import Loss, Outcome
from .limits import REQUEST_BODY_BYTES
from .parsing import parse
from .signatures import CREDENTIAL, HttpRequest, Verifier

_LOG = logging.getLogger(__name__)
_TAGS: Final = "/tags/"
_TAG_OPERATIONS: Final = {
    "GET": "ListTagsForResource",
    "POST": "TagResource",
    "DELETE": "UntagResource",
}


class Response(NamedTuple):
    """An HTTP response, and what the request log prints of it.

    Args:
        status: the HTTP status.
        headers: names are in lower case.
        body: JSON or text.
        resource: the bucket or index of the request, like "my-bucket/my-index"; not checked.
        reason: the error code, and the policy statement that denied the request.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    resource: str = ""
    reason: str = ""


def answer(engine: Engine, request: HttpRequest, verifier: Verifier | None = None) -> Response:
    """Answer one HTTP request; errors become responses.

    Args:
        engine: executes the operation.
        request: the HTTP request.
        verifier: checks the signature; without it, any credentials are accepted.
    """
    members: dict[str, Any] = {}
    try:
        operation, located = _parse_operation(request)
        _check_body(request)
        if verifier is not None:
            verifier.check(request)
        members = {**parse(operation, request.body), **located}
        response = _build_response(
            200, engine.call(operation, members, _identify_caller(engine, request.headers))
        )
        return response._replace(resource=name_resource(members))
    except ServiceError as error:
        return build_error_response(error)._replace(resource=name_resource(members))
    except InheritedEngineError:
        raise  # an error response would make the client retry
    except Exception:  # noqa: BLE001 - any other error is logged and becomes a 500
        _LOG.exception("%s %s failed", request.method, request.path)
        return build_error_response(InternalServerException("s3vectors-local failed; see its log"))


def answer_or_lose(
    outcome: Outcome, engine: Engine, request: HttpRequest, verifier: Verifier | None
) -> Response | Loss:
    """Answer a request unless its outcome is an error or a loss."""
    if outcome.error:
        return build_error_response(outcome.error)
    if outcome.loss is None:
        return answer(engine, request, verifier)
    if outcome.executed:
        answer(engine, request, verifier)
    return outcome.loss


def build_error_response(error: ServiceError) -> Response:
    """Build the response to a request that is refused."""
    reason = error.code
    if error.statement:
        reason += f", denied by {error.statement}"
    return _build_response(error.status, error.build_body(), error.code)._replace(reason=reason)


def find_operation_name(method: str, path: str) -> str | None:
    """Return AWS's name of the operation that a request calls, or None."""
    if path.startswith(_TAGS):
        return _TAG_OPERATIONS.get(method)
    name = path.removeprefix("/")
    known = method == "POST" and name in OPERATIONS and name not in _TAG_OPERATIONS.values()
    return name if known else None


def name_resource(members: Mapping[str, Any]) -> str:
    """Return the bucket or index of a request as "bucket" or "bucket/index"."""
    for member in ("indexArn", "vectorBucketArn", "resourceArn"):
        if isinstance(arn := members.get(member), str):
            return arn.rpartition(":bucket/")[2].replace("/index/", "/")
    names = (members.get("vectorBucketName"), members.get("indexName"))
    return "/".join(name for name in names if isinstance(name, str))


def _parse_operation(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """Return the operation's name and the members that are not in the body."""
    if request.path.startswith(_TAGS) and request.method in _TAG_OPERATIONS:
        members: dict[str, Any] = {"resourceArn": unquote(request.path.removeprefix(_TAGS))}
        if request.method == "DELETE":
            members["tagKeys"] = _parse_query(request.query, "tagKeys")
        return _TAG_OPERATIONS[request.method], members
    name = request.path.removeprefix("/")
    if request.method != "POST" or name in _TAG_OPERATIONS.values():
        raise UnknownOperationException(f"No operation is {request.method} {request.path}")
    return name, {}


def _parse_query(query: str, name: str) -> list[str] | None:
    """Return the values of a query parameter, or None; a plus sign stays a plus sign."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return [unquote(value) for key, _, value in pairs if unquote(key) == name] or None


def _check_body(request: HttpRequest) -> None:
    if len(request.body) > REQUEST_BODY_BYTES:
        raise ValidationException("Request body exceeds max allowed size")
    if request.body:
        check_media_type(request.headers, ("application/json",))


def check_media_type(headers: Mapping[str, str], accepted: Sequence[str]) -> None:
    """Refuse a Content-Type that a web page of another origin could send without asking first.

    Args:
        headers: names are in lower case.
        accepted: the media types.

    Raises:
        UnsupportedMediaTypeException: it is another.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise UnsupportedMediaTypeException(
            f"The Content-Type is {media_type or 'missing'}; it must be {' or '.join(accepted)}"
        )


def _identify_caller(engine: Engine, headers: Mapping[str, str]) -> Caller:
    """Return who sent a request, by the credential scope of its signature."""
    match = CREDENTIAL.search(headers.get("authorization", ""))
    if match is None:
        return engine.caller(None, DEFAULT_REGION)
    key, _, region = match.groups()
    return engine.caller(key, region)


def _build_response(status: int, document: Mapping[str, Any], code: str | None = None) -> Response:
    headers = {"content-type": "application/json", "x-amzn-requestid": str(uuid.uuid4())}
    if code is not None:
        headers["x-amzn-errortype"] = code
    return Response(status, headers, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
