"""What the service answers when it refuses: code, HTTP status, message, field list.

    ServiceError
    ├── ValidationException            400, with a field list
    ├── SerializationException         400, the body is not what the protocol wants
    ├── ServiceQuotaExceededException  402, too many buckets or indexes
    ├── AccessDeniedException          403, no policy allows it
    ├── AuthenticationError            403, its code says what is wrong with the signature
    ├── NotFoundException              404
    ├── UnknownOperationException      404
    ├── RequestTimeoutException        408
    ├── ConflictException              409
    ├── UnsupportedMediaTypeException  415
    ├── TooManyRequestsException       429
    ├── InternalServerException        500
    ├── ServiceUnavailableException    503
    └── OtherServiceError              the error of another server, with any other code

A subclass's name is AWS's error code. The statuses are those of the service model, or, for
errors that are not in it, those that AWS's services share.
"""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    """A text without halves of surrogate pairs, which nothing can send or print."""
    return text.encode("utf-8", "replace").decode()


class ServiceError(Exception):
    """An answer with an HTTP status of 400 or more."""

    status: int

    def __init__(self, message: str) -> None:
        message = printable(message)
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    @property
    def code(self) -> str:
        """AWS's error code, as in the `x-amzn-errortype` header."""
        return type(self).__name__

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer."""
        return {"message": self.message}


class ValidationException(ServiceError):  # noqa: N818 - AWS's own name
    """The request breaks a rule; `fields` are (path, message) pairs."""

    status = 400

    def __init__(self, message: str, *fields: tuple[str, str]) -> None:
        super().__init__(message)
        self.fields = fields
        self.args = (message, *fields)  # what pickle makes it of again

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer, with AWS's `fieldList`."""
        fields = [{"path": path, "message": printable(told)} for path, told in self.fields]
        return {**super().body(), **({"fieldList": fields} if fields else {})}


class SerializationException(ServiceError):  # noqa: N818 - AWS's own name
    """The body is not JSON, or a member has the wrong JSON type."""

    status = 400


class NotFoundException(ServiceError):  # noqa: N818 - AWS's own name
    """No such vector bucket or index."""

    status = 404


class UnknownOperationException(ServiceError):  # noqa: N818 - AWS's own name
    """No such operation, by path or by method."""

    status = 404


class ConflictException(ServiceError):  # noqa: N818 - AWS's own name
    """The name is taken, or the bucket is not empty."""

    status = 409


class InternalServerException(ServiceError):  # noqa: N818 - AWS's own name
    """The engine failed; nothing of the request is stored.

    Attributes:
        write_refused: whether the disk refused what was written, the log included.
    """

    status = 500

    def __init__(self, message: str, *, write_refused: bool = False) -> None:
        super().__init__(message)
        self.write_refused = write_refused


class ServiceUnavailableException(ServiceError):  # noqa: N818 - AWS's own name
    """The engine is stopping; nothing of the request is acknowledged."""

    status = 503


class ServiceQuotaExceededException(ServiceError):  # noqa: N818 - AWS's own name
    """There are as many buckets, or indexes in the bucket, as there can be."""

    status = 402


class AccessDeniedException(ServiceError):  # noqa: N818 - AWS's own name
    """The policies that the engine was given do not allow it, or a web page may have sent it.

    Attributes:
        statement: the policy statement that denies it; None when none allows it.
    """

    status = 403

    def __init__(self, message: str, statement: str | None = None) -> None:
        super().__init__(message)
        self.statement = statement


class AuthenticationError(ServiceError):
    """The request is not signed as it should be.

    The codes are those that AWS's services share: MissingAuthenticationToken,
    UnrecognizedClientException, InvalidSignatureException, IncompleteSignature
    (https://docs.aws.amazon.com/AmazonS3/latest/API/CommonErrors.html).
    """

    status = 403

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self._code = code
        self.args = (code, message)  # what pickle makes it of again

    @property
    def code(self) -> str:
        """AWS's error code."""
        return self._code


class RequestTimeoutException(ServiceError):  # noqa: N818 - AWS's own name
    """The request took too long; a fault that was asked for."""

    status = 408


class UnsupportedMediaTypeException(ServiceError):  # noqa: N818 - AWS's own name
    """The body is not declared as JSON."""

    status = 415


class TooManyRequestsException(ServiceError):  # noqa: N818 - AWS's own name
    """More requests than the rate limits allow; or a fault that was asked for."""

    status = 429


class OtherServiceError(ServiceError):
    """The error of another server, with a code that is none of the above."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self._code = code
        self.status = status
        self.args = (code, message, status)  # what pickle makes it of again

    @property
    def code(self) -> str:
        """The server's error code."""
        return self._code


def build_error(code: str, message: str, status: int) -> ServiceError:
    """Build the error of a response, of the class for its code if there is one."""
    kinds = {kind.__name__: kind for kind in ServiceError.__subclasses__()}
    kind = kinds.get(code) if code.endswith("Exception") else None
    return OtherServiceError(code, message, status) if kind is None else kind(message)


class PolicyError(Exception):
    """A policy that cannot be read or evaluated."""


class UnevaluatedPolicyError(PolicyError):
    """A valid policy that has something which the engine does not evaluate."""


class DataDirectoryError(Exception):
    """The directory the engine was told to keep its data in cannot be used."""


class InheritedEngineError(RuntimeError):
    """The engine belongs to the process that this one was forked from."""
