"""The protocol: an HTTP request in, an HTTP answer out.

S3 Vectors speaks AWS's rest-json: `POST /OperationName` with a JSON body, and tags under
`/tags/ARN`; an error has its code in the `x-amzn-errortype` header and its text in the body.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from .arns import DEFAULT_REGION, Caller
from .engine import OPERATIONS, Engine
from .errors import (
    AccessDeniedException,
    InheritedEngineError,
    InternalServerException,
    ServiceError,
    UnknownOperationException,
    UnsupportedMediaTypeException,
    ValidationException,
)
from .faults import Fate, Lost
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


class Answer(NamedTuple):
    """An HTTP response, and what a log may say of it.

    Args:
        status: of HTTP.
        headers: names are in lower case.
        body: JSON, or text.
        resource: what the request was about, such as "my-bucket/my-index"; not checked.
        reason: the error's code, and the policy statement that decided.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    resource: str = ""
    reason: str = ""


def answer(engine: Engine, request: HttpRequest, verifier: Verifier | None = None) -> Answer:
    """Answer one HTTP request; every fault becomes an answer too.

    Args:
        engine: who answers.
        request: what is asked.
        verifier: checks the signature; without it nobody does.
    """
    members: dict[str, Any] = {}
    try:
        operation, located = _operation(request)
        _check_body(request)
        if verifier is not None:
            verifier.check(request)
        members = {**parse(operation, request.body), **located}
        done = _answer(200, engine.call(operation, members, _caller(engine, request.headers)))
        return done._replace(resource=_resource(members))
    except ServiceError as error:
        return refusal(error)._replace(resource=_resource(members))
    except InheritedEngineError:
        raise  # no answer of the service's, after which a client would try again
    except Exception:  # noqa: BLE001 - the answer to whatever else is a 500, and a log entry
        _LOG.exception("%s %s failed", request.method, request.path)
        return refusal(InternalServerException("s3vectors-local failed; its log says how"))


def fated(
    fate: Fate, engine: Engine, request: HttpRequest, verifier: Verifier | None
) -> Answer | Lost:
    """The answer that a request gets by its fate, or how it is lost."""
    if fate.error:
        return refusal(fate.error)
    if fate.lost is None:
        return answer(engine, request, verifier)
    if fate.done:
        answer(engine, request, verifier)
    return fate.lost


def refusal(error: ServiceError) -> Answer:
    """The answer that says no."""
    reason = error.code
    if isinstance(error, AccessDeniedException) and error.statement:
        reason += f", denied by {error.statement}"
    return _answer(error.status, error.body(), error.code)._replace(reason=reason)


def operation_name(method: str, path: str) -> str | None:
    """AWS's name of the operation that a request is for; None when it is for none."""
    if path.startswith(_TAGS):
        return _TAG_OPERATIONS.get(method)
    name = path.removeprefix("/")
    known = method == "POST" and name in OPERATIONS and name not in _TAG_OPERATIONS.values()
    return name if known else None


def _resource(members: Mapping[str, Any]) -> str:
    """What a request names: "bucket", "bucket/index" or the same out of an ARN."""
    for member in ("indexArn", "vectorBucketArn", "resourceArn"):
        if isinstance(arn := members.get(member), str):
            return arn.rpartition(":bucket/")[2].replace("/index/", "/")
    names = (members.get("vectorBucketName"), members.get("indexName"))
    return "/".join(name for name in names if isinstance(name, str))


def _operation(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """The operation's name, and the members that are not in the body."""
    if request.path.startswith(_TAGS) and request.method in _TAG_OPERATIONS:
        members: dict[str, Any] = {"resourceArn": unquote(request.path.removeprefix(_TAGS))}
        if request.method == "DELETE":
            members["tagKeys"] = _values(request.query, "tagKeys")
        return _TAG_OPERATIONS[request.method], members
    name = request.path.removeprefix("/")
    if request.method != "POST" or name in _TAG_OPERATIONS.values():
        raise UnknownOperationException(f"No operation is {request.method} {request.path}")
    return name, {}


def _values(query: str, name: str) -> list[str] | None:
    """What a query says of a name; a plus is a plus, as in what is signed."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return [unquote(value) for key, _, value in pairs if unquote(key) == name] or None


def _check_body(request: HttpRequest) -> None:
    if len(request.body) > REQUEST_BODY_BYTES:
        raise ValidationException("Request body exceeds max allowed size")
    told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and told != "application/json":  # else a web page could send it anywhere
        raise UnsupportedMediaTypeException(
            f"The Content-Type is {told or 'missing'}; it must be application/json"
        )


def _caller(engine: Engine, headers: Mapping[str, str]) -> Caller:
    """Whose request it is, by the credential scope of its signature."""
    found = CREDENTIAL.search(headers.get("authorization", ""))
    if found is None:
        return engine.caller(None, DEFAULT_REGION)
    key, _, region = found.groups()
    return engine.caller(key, region)


def _answer(status: int, document: Mapping[str, Any], code: str | None = None) -> Answer:
    headers = {"content-type": "application/json", "x-amzn-requestid": str(uuid.uuid4())}
    if code is not None:
        headers["x-amzn-errortype"] = code
    return Answer(status, headers, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
