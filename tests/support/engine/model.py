"""A check of every response against botocore's service model."""

from __future__ import annotations

import json
from typing import Any

from botocore.validate import ParamValidator

UNMODELLED = {
    "IncompleteSignature",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "UnsupportedMediaTypeException",
}
"""Errors that any AWS service may return. The service model does not have them."""


def check_responses(client: Any) -> Any:
    """Check every response to a boto3 `s3vectors` client against the model. Return the client."""
    client.meta.events.register("after-call.s3vectors", _check, unique_id="check-responses")
    return client


def _check(http_response: Any, model: Any, **_: Any) -> None:
    headers = http_response.headers
    if headers.get("content-type") == "text/html":
        return  # the response of a test's proxy
    if int(headers.get("content-length", 0)) > len(http_response.content):
        return  # a test truncated the response
    document = json.loads(http_response.content)
    if http_response.status_code < 300:
        report = ParamValidator().validate(document, model.output_shape)
        assert not report.has_errors(), report.generate_report()
        unknown = document.keys() - model.output_shape.members.keys()
        assert not unknown, f"{model.name} returns {unknown}, which the model does not have"
        return
    code = http_response.headers["x-amzn-errortype"]
    if code in UNMODELLED:
        return
    shapes = {shape.name: shape for shape in model.error_shapes}
    assert code in shapes, f"the model does not list {code} for {model.name}"
    report = ParamValidator().validate(document, shapes[code])
    assert not report.has_errors(), report.generate_report()
    status = shapes[code].metadata.get("error", {}).get("httpStatusCode", 400)
    assert http_response.status_code == status
