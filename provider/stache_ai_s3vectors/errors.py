"""The exceptions. An error is never returned as a result.

    S3VectorsError
    ├── ConfigurationError     a setting is missing, wrong or contradicts another (ValueError)
    ├── InvalidInputError      an argument cannot be used; nothing was sent (ValueError)
    ├── NamespaceError         ids are not in the namespace that was named
    ├── NotFoundError          no such vector bucket, index or local engine
    ├── AccessDeniedError      credentials are missing or a policy does not allow the call
    ├── RejectedError          the service rejected the request
    ├── UnavailableError       throttled, failing or unreachable, after all retries
    ├── DamagedFileError       a file to import was changed or truncated
    ├── DocumentIndexError     the file of the document index cannot be used
    └── PartialWriteError      a call stopped half-way: see its `done` and `missing`

The service's own error, if any, is the `__cause__`. No message contains the password of a URL or a
control character.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from stache_ai_s3vectors.service.printable import strip_passwords, to_printable


class S3VectorsError(Exception):
    """The base class of all errors that this package raises.

    Attributes:
        nothing_done: whether the service rejected the first attempt, so that the request had
            no effect.
        about_credentials: whether the credentials are missing or not accepted.
        about_index: whether another index of the same name could take the input.
        from_progress: whether the caller's own `progress` raised it.
        remedy: the end of the message, with what to do; empty when there is none.
    """

    nothing_done = False
    about_credentials = False
    about_index = False
    from_progress = False
    remedy = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(to_printable(strip_passwords(message)))


class ConfigurationError(S3VectorsError, ValueError):
    """A setting is missing, wrong, or contradicts another."""


class InvalidInputError(S3VectorsError, ValueError):
    """An argument cannot be stored or searched for; nothing was sent."""


class NamespaceError(S3VectorsError):
    """Ids are not in the namespace that was named; they were not changed."""


class NotFoundError(S3VectorsError):
    """No such vector bucket, index or local engine."""


class AccessDeniedError(S3VectorsError):
    """The credentials are missing or wrong, or a policy does not allow the call."""


class RejectedError(S3VectorsError):
    """The service rejected the request; sending it again does not help."""


class UnavailableError(S3VectorsError):
    """The service is throttling, failing or unreachable, after all retries; try again later."""


class DamagedFileError(S3VectorsError):
    """A file to import is damaged; the message names the line."""


class DocumentIndexError(S3VectorsError):
    """The file of the document index cannot be used; the message has the reason and the fix."""


class PartialWriteError(S3VectorsError):
    """A call that writes in batches failed after some of them.

    Attributes:
        done: the ids that are done.
        missing: the other ids. They may be done too, if a response was lost; call again with
            them to complete the work.
    """

    def __init__(self, message: str, *, done: Sequence[str], missing: Sequence[str]) -> None:
        super().__init__(message)
        self.done = list(done)
        self.missing = list(missing)

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes pickle exceptions
        build = partial(type(self), done=self.done, missing=self.missing)
        return build, self.args, self.__dict__


CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""AWS's error codes for credentials that are missing, expired, unknown or wrong.

They come from the request signing that all AWS services share, some of them from STS
(https://docs.aws.amazon.com/AmazonS3/latest/API/CommonErrors.html).
"""

BY_CODE: Final[Mapping[str, type[S3VectorsError]]] = MappingProxyType(
    {
        **dict.fromkeys(CREDENTIALS, AccessDeniedError),
        "NotFoundException": NotFoundError,
        "AccessDeniedException": AccessDeniedError,
        "AccessDenied": AccessDeniedError,
        "TooManyRequestsException": UnavailableError,
        "InternalServerException": UnavailableError,
        "ServiceUnavailableException": UnavailableError,
        "RequestTimeoutException": UnavailableError,
    }
)
"""Our class for each of AWS's error codes; for other codes the HTTP status decides."""


_SECRET: Final = ("KEY", "PASSWORD", "SECRET", "TOKEN")
"""If a setting's name contains one of these, its value is not shown."""


def describe_faults(faults: Iterable[Any]) -> str:
    """Describe the faults that pydantic found in settings, without values that may be secret.

    Args:
        faults: the `errors()` of its ValidationError.
    """
    return "; ".join(map(_describe_fault, faults))


def _describe_fault(fault: Any) -> str:
    name, value = ".".join(map(str, fault["loc"])).upper(), fault["input"]
    secret = any(word in name for word in _SECRET) or not isinstance(value, (str, int, float))
    return f"{name or 'settings'} is {'wrong' if secret else repr(value)}: {fault['msg']}"
