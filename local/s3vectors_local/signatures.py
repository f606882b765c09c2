"""Verifies and creates signatures of requests: AWS Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from .errors import AuthenticationError

CREDENTIAL: Final = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/s3vectors/aws4_request")
"""The access key id, day and region in an Authorization header."""

_AUTHORIZATION: Final = re.compile(
    rf"AWS4-HMAC-SHA256 {CREDENTIAL.pattern},\s*"
    r"SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_MAX_SKEW: Final = 300
"""Maximum clock skew of a client in seconds, as for AWS's services in general."""

_UNSIGNED: Final = "UNSIGNED-PAYLOAD"


class HttpRequest(NamedTuple):
    """An HTTP request; path and query as received, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Verifier:
    """Verifies the signatures of requests.

    Args:
        keys: access key id to secret access key.
        clock: returns the time in seconds since 1970.
    """

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._clock = clock

    def check(self, request: HttpRequest) -> None:
        """Refuse a request with a missing or invalid signature.

        Raises:
            AuthenticationError: its code names the problem.
        """
        key, day, region, names, signature = self.check_headers(request.headers)
        moment = request.headers["x-amz-date"]
        scope = f"{day}/{region}/s3vectors/aws4_request"
        expected = _compute_signature(
            self._keys[key], scope, moment, _canonicalize(request, names.split(";"))
        )
        if not hmac.compare_digest(expected, signature) or not _covers(request, names.split(";")):
            raise AuthenticationError(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you "
                "provided. Check your AWS Secret Access Key and signing method.",
            )

    def check_headers(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Refuse a request with an unknown key or a wrong time, before its body is read.

        Returns:
            The access key id, day, region, signed headers and signature.

        Raises:
            AuthenticationError: its code names the problem.
        """
        header = headers.get("authorization")
        if not header:
            raise AuthenticationError("MissingAuthenticationToken", "Missing Authentication Token")
        match = _AUTHORIZATION.fullmatch(header)
        if match is None:
            raise AuthenticationError(
                "IncompleteSignature", "The Authorization header is not that of a signed request"
            )
        key, day, *_ = match.groups()
        if key not in self._keys:
            raise AuthenticationError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        self._check_time(headers.get("x-amz-date", ""), day)
        return match.groups()

    def _check_time(self, moment: str, day: str) -> None:
        try:
            time_sent = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            time_sent = None
        if time_sent is None or not moment.startswith(day):
            raise AuthenticationError(
                "IncompleteSignature",
                "X-Amz-Date is missing or does not match the credential scope",
            )
        if abs(time_sent.timestamp() - self._clock()) > _MAX_SKEW:
            raise AuthenticationError(
                "InvalidSignatureException",
                f"Signature not current: {moment} is more than {_MAX_SKEW} seconds from now",
            )


def sign(request: HttpRequest, key: str, secret: str, region: str) -> str:
    """Sign a request with all its headers; return the Authorization header.

    Args:
        request: the request, with a header `x-amz-date`.
        key: the access key id.
        secret: the secret access key.
        region: the region of the endpoint.
    """
    moment, names = request.headers["x-amz-date"], sorted(request.headers)
    scope = f"{moment[:8]}/{region}/s3vectors/aws4_request"
    signature = _compute_signature(secret, scope, moment, _canonicalize(request, names))
    return (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={signature}"
    )


def _covers(request: HttpRequest, names: list[str]) -> bool:
    """Whether the signature covers the host and all x-amz headers, as required."""
    present = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
    return present <= set(names)


def _canonicalize(request: HttpRequest, names: list[str]) -> str:
    body = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256") == _UNSIGNED:
        body = _UNSIGNED
    headers = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names]
    # The path is encoded twice, as for all services except S3 itself
    path, query = quote(request.path, safe="/-_.~"), _canonicalize_query(request.query)
    return "\n".join([request.method, path, query, "".join(headers), ";".join(names), body])


def _canonicalize_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = [(_encode(name), _encode(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encode(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _compute_signature(secret: str, scope: str, moment: str, canonical: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
