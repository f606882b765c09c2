"""Is a request signed with a known key? AWS Signature Version 4, verified on request.

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
_SKEW: Final = 300
"""Seconds that a client's clock may be wrong, as for AWS's services in general."""

_UNSIGNED: Final = "UNSIGNED-PAYLOAD"


class HttpRequest(NamedTuple):
    """An HTTP request; path and query as they came, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Verifier:
    """Knows access keys, and whether a request was signed with one.

    Args:
        keys: access key id to secret access key.
        clock: tells the time in seconds since 1970.
    """

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._clock = clock

    def check(self, request: HttpRequest) -> None:
        """Refuse a request that is not rightly signed.

        Raises:
            AuthenticationError: with the code that says what is wrong.
        """
        key, day, region, names, signature = self.check_headers(request.headers)
        moment = request.headers["x-amz-date"]
        scope = f"{day}/{region}/s3vectors/aws4_request"
        wanted = _signature(self._keys[key], scope, moment, _canonical(request, names.split(";")))
        if not hmac.compare_digest(wanted, signature) or not _covers(request, names.split(";")):
            raise AuthenticationError(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you "
                "provided. Check your AWS Secret Access Key and signing method.",
            )

    def check_headers(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Refuse what is not signed by a known key, and now; the body is not needed for it.

        Returns:
            The access key id, day, region, signed headers and signature.

        Raises:
            AuthenticationError: with the code that says what is wrong.
        """
        header = headers.get("authorization")
        if not header:
            raise AuthenticationError("MissingAuthenticationToken", "Missing Authentication Token")
        found = _AUTHORIZATION.fullmatch(header)
        if found is None:
            raise AuthenticationError(
                "IncompleteSignature", "The Authorization header is not that of a signed request"
            )
        key, day, *_ = found.groups()
        if key not in self._keys:
            raise AuthenticationError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        self._check_time(headers.get("x-amz-date", ""), day)
        return found.groups()

    def _check_time(self, moment: str, day: str) -> None:
        try:
            told = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            told = None
        if told is None or not moment.startswith(day):
            raise AuthenticationError(
                "IncompleteSignature", "X-Amz-Date is missing or does not fit the credential scope"
            )
        if abs(told.timestamp() - self._clock()) > _SKEW:
            raise AuthenticationError(
                "InvalidSignatureException",
                f"Signature not current: {moment} is more than {_SKEW} seconds from now",
            )


def authorization(request: HttpRequest, key: str, secret: str, region: str) -> str:
    """The Authorization header that signs a request, all of its headers included.

    Args:
        request: with an `x-amz-date` among its headers.
        key: the access key's id.
        secret: the secret access key.
        region: where the request arrives.
    """
    moment, names = request.headers["x-amz-date"], sorted(request.headers)
    scope = f"{moment[:8]}/{region}/s3vectors/aws4_request"
    signature = _signature(secret, scope, moment, _canonical(request, names))
    return (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={signature}"
    )


def _covers(request: HttpRequest, names: list[str]) -> bool:
    """Whether the signature covers the host and every x-amz header, as it must."""
    present = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
    return present <= set(names)


def _canonical(request: HttpRequest, names: list[str]) -> str:
    body = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256") == _UNSIGNED:
        body = _UNSIGNED
    headers = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names]
    # The path is encoded once more; S3 itself is the only service that does not
    path, query = quote(request.path, safe="/-_.~"), _canonical_query(request.query)
    return "\n".join([request.method, path, query, "".join(headers), ";".join(names), body])


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = [(_encoded(name), _encoded(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _signature(secret: str, scope: str, moment: str, canonical: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
