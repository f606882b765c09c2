"""Remedies for errors, in one line, for the operator's tool. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stache_ai_s3vectors.errors import (
    AccessDeniedError,
    PartialWriteError,
    S3VectorsError,
    UnavailableError,
)

_DENIED: Final = re.compile(r"not authorized to perform: (\S+) on resource: (\S+)")
_REFUSED: Final = re.compile(
    r"Could not connect to the endpoint URL: \"https?://(?:…@)?(?:127\.0\.0\.1|localhost|\[::1\])[:/]"
)

_KEY: Final = (
    "let the caller use the customer key: kms:Decrypt, and kms:GenerateDataKey to create indexes "
    "(stache-s3vectors policy --kms-key ARN, with --level manage-indexes for the latter), and "
    "indexing.s3vectors.amazonaws.com in the key's own policy"
)
_KEY_STATE: Final = (
    "check the customer key of the index in KMS: it must exist, be enabled, and be symmetric; "
    "without it the vectors cannot be read"
)
_CLOCK: Final = "set this machine's clock (timedatectl shows whether it is synchronized)"
_BY_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ExpiredToken": "renew the credentials, for example with aws sso login",
        "InvalidSignature": "check the secret access key, or the profile that it comes from, and "
        "this machine's clock",
        "SignatureDoesNotMatch": "check the secret access key, or the profile that it comes from",
        "UnrecognizedClient": "check the access key id, or the profile that it comes from; it "
        "belongs to an account in another partition, or was deleted",
        "InvalidClientTokenId": "check the access key id, or the profile that it comes from",
        "RequestTimeTooSkewed": _CLOCK,
        "RequestExpired": _CLOCK,
        "KmsDisabled": _KEY_STATE,
        "KmsInvalidState": _KEY_STATE,
        "KmsInvalidKeyUsage": _KEY_STATE,
        "KmsNotFound": _KEY_STATE,
        "TooManyRequests": "wait, then try again; with other writers, lower S3VECTORS_WRITE_RATE",
        "ServiceQuotaExceeded": "delete what you no longer use, or ask AWS for a higher quota",
    }
)
"""AWS's error code, without its `Exception`, to what helps."""


def get_cause(error: S3VectorsError) -> str:
    """An error's message without what to do about it, on one line."""
    text = str(error).removesuffix(error.remedy) if error.remedy else str(error)
    return " ".join(text.split()).rstrip(". ")


def find_remedy(error: S3VectorsError) -> str:
    """The remedy for an error; empty if the message has it."""
    if error.remedy and not isinstance(error, PartialWriteError):
        return " ".join(error.remedy.split())
    if isinstance(error.__cause__, S3VectorsError):
        return find_remedy(error.__cause__)
    known = _BY_CODE.get(_get_error_code(error).removesuffix("Exception"))
    if known:
        return known
    if isinstance(error, AccessDeniedError):
        return _advise_on_access(str(error))
    return _advise_on_service(str(error)) if isinstance(error, UnavailableError) else ""


def _get_error_code(error: S3VectorsError) -> str:
    """AWS's code of the error behind one of ours; empty when the service did not answer."""
    # botocore's errors of the connection have a response that is None
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def parse_denied_action(error: S3VectorsError) -> tuple[str, str] | None:
    """The action and the ARN that AWS says are not allowed."""
    return _parse_denied(str(error))


def _parse_denied(text: str) -> tuple[str, str] | None:
    match = _DENIED.search(text)
    return (match[1], match[2].rstrip(".,")) if match else None


def _advise_on_access(text: str) -> str:
    if "AssumeRole" in text:
        return "let the profile's credentials assume its role (sts:AssumeRole), or use others"
    if "kms:" in text or "asynchronous indexing" in text:
        return _KEY
    denied = _parse_denied(text)
    if denied is None:
        return "check whose credentials these are: aws sts get-caller-identity"
    return advise_allowing(*denied)


def advise_allowing(action: str, resources: str) -> str:
    """The remedy for a denied action."""
    return (
        f"allow {action} on {resources}, and look for a Deny; stache-s3vectors policy prints all "
        "that is needed, and policy check FILE compares a policy with it"
    )


def _advise_on_service(text: str) -> str:
    if _REFUSED.search(text):
        return "start the server (stache-s3vectors serve), or check the port"
    if "SSL" in text or "CERTIFICATE" in text:
        return "check that the endpoint speaks TLS (http:// or https://), and its certificate"
    if "proxy" in text.lower():
        return "check HTTPS_PROXY and NO_PROXY, or the proxy itself"
    if "Read timeout" in text:
        return "try again, or increase S3VECTORS_READ_TIMEOUT; completed work is kept"
    if "endpoint URL" in text or "connect" in text.lower():
        return "check the region's name, the endpoint and the network (proxy, VPC endpoint)"
    return "try again later; completed work is kept"
