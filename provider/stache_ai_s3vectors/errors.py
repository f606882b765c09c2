"""What can go wrong, as exceptions; an error is never an answer here.

    S3VectorsError
    ├── ConfigurationError     a setting is missing, wrong or contradicts another (ValueError)
    ├── InvalidInputError      what the caller handed over; nothing was sent (ValueError)
    ├── NamespaceError         ids are in another namespace than the one that was named
    ├── NotFoundError          no such vector bucket or index
    ├── AccessDeniedError      credentials are missing or a policy does not allow the call
    ├── RejectedError          the service refused the request as it was
    ├── UnavailableError       throttled, failing or out of reach, after all retries
    ├── DamagedFileError       a file that is to be imported was changed or cut off
    ├── DocumentIndexError     the file of the document index cannot be used as it is
    └── PartialWriteError      a call stopped half-way: `done` and `missing` say where

The service's own error, where there is one, is the `__cause__`. No message holds a password of a
URL or a control character, whatever it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from stache_ai_s3vectors.service.printable import strip_passwords, to_printable


class S3VectorsError(Exception):
    """The root of everything this package raises on purpose.

    Attributes:
        nothing_done: whether the service refused the request at the first try, so that
            nothing of it can have been carried out.
        about_credentials: whether the credentials are missing or not accepted; others may do.
        about_index: whether another index of the same name would take the input.
        remedy: the end of the message that says what to do; empty when it has none.
    """

    nothing_done = False
    about_credentials = False
    about_index = False
    remedy = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(to_printable(strip_passwords(message)))


class ConfigurationError(S3VectorsError, ValueError):
    """A setting is missing, wrong, or contradicts another."""


class InvalidInputError(S3VectorsError, ValueError):
    """What the caller handed over cannot be stored or asked; nothing was sent."""


class NamespaceError(S3VectorsError):
    """Ids are in another namespace than the one that was named; these were left alone."""


class NotFoundError(S3VectorsError):
    """No such vector bucket or index."""


class AccessDeniedError(S3VectorsError):
    """No credentials, wrong ones, or a policy that does not allow the call."""


class RejectedError(S3VectorsError):
    """The service refused the request as it was; sending it again will not help."""


class UnavailableError(S3VectorsError):
    """Throttled, failing or out of reach, after all retries; trying later may help."""


class DamagedFileError(S3VectorsError):
    """A file that is to be imported is damaged; the message names the line."""


class DocumentIndexError(S3VectorsError):
    """The file of the document index cannot be used; the message says why, and what to do."""


class PartialWriteError(S3VectorsError):
    """A call that writes in batches failed after some of them.

    Attributes:
        done: ids for which the work is done.
        missing: ids for which it is not known to be (an answer may have been lost on its
            way); calling again with these completes it.
    """

    def __init__(self, message: str, *, done: Sequence[str], missing: Sequence[str]) -> None:
        super().__init__(message)
        self.done = list(done)
        self.missing = list(missing)

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers hand exceptions to each other pickled
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
"""AWS's error codes that say that the credentials are missing, expired, unknown or wrong.

They come from the signing that all AWS services share, some of them from STS
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
"""AWS's error code to our class; for every other code the HTTP status decides."""


_SECRET: Final = ("KEY", "PASSWORD", "SECRET", "TOKEN")
"""In a setting's name: its value is not shown."""


def describe_faults(faults: Iterable[Any]) -> str:
    """What pydantic found wrong with settings, one sentence each; not a value that may be secret.

    Args:
        faults: the `errors()` of its ValidationError.
    """
    return "; ".join(map(_describe_fault, faults))


def _describe_fault(fault: Any) -> str:
    name, value = ".".join(map(str, fault["loc"])).upper(), fault["input"]
    secret = any(word in name for word in _SECRET) or not isinstance(value, (str, int, float))
    return f"{name or 'settings'} is {'wrong' if secret else repr(value)}: {fault['msg']}"
