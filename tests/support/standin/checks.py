"""The genuine provider's validation of a configuration, before any call. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from .wire_values import is_known

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_POLICY: Final = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_ARN: Final = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+")
_CHOICES: Final = {
    "data_type": ("float32",),
    "distance_metric": ("cosine", "euclidean"),
    "billing_mode": ("PROVISIONED", "PAY_PER_REQUEST"),
}
_DOCUMENTS: Final = ("assume_role_policy", "policy")
_MAX_NON_FILTERABLE_KEYS: Final = 10
_MAX_NAME_LENGTHS: Final = {"aws_iam_role": 64, "aws_lambda_function": 64}


def find_errors(type_name: str, config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield an attribute and a reason for each invalid value."""
    known_values = {name: value for name, value in config.items() if is_known(value)}
    for name, choices in _CHOICES.items():
        if name in known_values and known_values[name] not in choices:
            yield name, f"value must be one of {choices}, got: {known_values[name]}"
    for name in _DOCUMENTS:
        if name in known_values:
            yield from _check_document(name, known_values[name])
    if not _BUCKET.fullmatch(known_values.get("vector_bucket_name", "bucket")):
        yield "vector_bucket_name", f"is not a bucket name: {known_values['vector_bucket_name']}"
    if not _ARN.fullmatch(known_values.get("vector_bucket_arn", "arn:a:b:::c")):
        yield "vector_bucket_arn", f"is not an ARN: {known_values['vector_bucket_arn']}"
    max_length = _MAX_NAME_LENGTHS.get(type_name, 0)
    if (
        max_length
        and len(known_values.get("name") or known_values.get("function_name") or "") > max_length
    ):
        yield "name", f"has more than {max_length} characters"
    if type_name == "aws_iam_policy" and not _POLICY.fullmatch(known_values.get("name", "policy")):
        yield "name", f"is not a policy name: {known_values['name']}"
    yield from _check_encryption(known_values)
    yield from _check_metadata(known_values)


def _check_document(name: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        json.loads(text)
    except ValueError as error:
        yield name, f"contains an invalid JSON policy: {error}"


def _check_encryption(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for each in block.get("encryption_configuration", []):
        if each["sse_type"] not in (None, "AES256", "aws:kms"):
            yield "encryption_configuration", f"has an invalid sse_type: {each['sse_type']}"
        if not _ARN.fullmatch(each["kms_key_arn"] or "arn:a:b:::c"):
            yield "encryption_configuration", f"has an invalid kms_key_arn: {each['kms_key_arn']}"


def _check_metadata(configuration: dict[str, Any]) -> Iterator[tuple[str, str]]:
    blocks = configuration.get("metadata_configuration", [])
    if len(blocks) > 1:
        yield "metadata_configuration", "must contain at most 1 elements"
    for block in blocks:
        if not 1 <= len(block["non_filterable_metadata_keys"]) <= _MAX_NON_FILTERABLE_KEYS:
            yield "metadata_configuration", "must contain at least 1 and at most 10 keys"
