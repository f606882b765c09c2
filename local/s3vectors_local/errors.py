"""The errors of the service: code, HTTP status, message, field list.

    ServiceError
    ├── ValidationException            400, with a field list
    ├── SerializationException         400, the body does not follow the protocol
    ├── ServiceQuotaExceededException  402, too many buckets or indexes
    ├── AccessDeniedException          403, no policy allows it
    ├── AuthenticationError            403, its code names the problem with the signature
    ├── NotFoundException              404
    ├── UnknownOperationException      404
    ├── RequestTimeoutException        408
    ├── ConflictException              409
    ├── UnsupportedMediaTypeException  415
    ├── TooManyRequestsException       429
    ├── InternalServerException        500
    ├── ServiceUnavailableException    503
    └── OtherServiceError              the error of another server, with any other code

The name of a subclass is AWS's error code. The statuses are those of the API model, or, for errors
that are not in it, those that AWS's services share.
"""

from __future__ import annotations

from typing import Any


def make_printable(text: str) -> str:
    """Replace lone surrogates in a text, which cannot be sent or printed."""
    return text.encode("utf-8", "replace").decode()


class ServiceError(Exception):
    """An error response of the service.

    Attributes:
        status: the HTTP status.
        statement: the policy statement that denies the request; None if no statement does.
        message: the message.
    """

    status: int
    statement: str | None = None

    def __init__(self, message: str) -> None:
        message = make_printable(message)
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    @property
    def code(self) -> str:
        """AWS's error code, as in the `x-amzn-errortype` header."""
        return type(self).__name__

    def build_body(self) -> dict[str, Any]:
        """Build the JSON body of the response."""
        return {"message": self.message}


class ValidationException(ServiceError):  # noqa: N818 - AWS's own name
    """The request breaks a rule; `fields` has (path, message) pairs."""

    status = 400

    def __init__(self, message: str, *fields: tuple[str, str]) -> None:
        super().__init__(message)
        self.fields = fields
        self.args = (message, *fields)  # pickle calls the class with these

    def build_body(self) -> dict[str, Any]:
        """Build the JSON body of the response, with AWS's `fieldList`."""
        fields = [
            {"path": path, "message": make_printable(message)} for path, message in self.fields
        ]
        return {**super().build_body(), **({"fieldList": fields} if fields else {})}


class SerializationException(ServiceError):  # noqa: N818 - AWS's own name
    """The body is not JSON, or a member has the wrong JSON type."""

    status = 400


class NotFoundException(ServiceError):  # noqa: N818 - AWS's own name
    """The vector bucket or index does not exist."""

    status = 404


class UnknownOperationException(ServiceError):  # noqa: N818 - AWS's own name
    """There is no operation with this path and method."""

    status = 404


class ConflictException(ServiceError):  # noqa: N818 - AWS's own name
    """The name is in use, or the bucket is not empty."""

    status = 409


class InternalServerException(ServiceError):  # noqa: N818 - AWS's own name
    """The engine failed; nothing of the request is stored.

    Attributes:
        write_refused: whether the write failed on the disk.
    """

    status = 500

    def __init__(self, message: str, *, write_refused: bool = False) -> None:
        super().__init__(message)
        self.write_refused = write_refused


class ServiceUnavailableException(ServiceError):  # noqa: N818 - AWS's own name
    """The engine is stopping; nothing of the request is acknowledged."""

    status = 503


class ServiceQuotaExceededException(ServiceError):  # noqa: N818 - AWS's own name
    """The maximum number of buckets or indexes is reached."""

    status = 402


class AccessDeniedException(ServiceError):  # noqa: N818 - AWS's own name
    """The policies do not allow the request, or a web page may have sent it."""

    status = 403

    def __init__(self, message: str, statement: str | None = None) -> None:
        super().__init__(message)
        self.statement = statement


class AuthenticationError(ServiceError):
    """The signature is missing or invalid.

    The codes are those that AWS's services share: MissingAuthenticationToken,
    UnrecognizedClientException, InvalidSignatureException, IncompleteSignature
    (https://docs.aws.amazon.com/AmazonS3/latest/API/CommonErrors.html).
    """

    status = 403

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self._code = code
        self.args = (code, message)  # pickle calls the class with these

    @property
    def code(self) -> str:
        """AWS's error code."""
        return self._code


class RequestTimeoutException(ServiceError):  # noqa: N818 - AWS's own name
    """The request took too long; only as an injected fault."""

    status = 408


class UnsupportedMediaTypeException(ServiceError):  # noqa: N818 - AWS's own name
    """The body is not declared as JSON."""

    status = 415


class TooManyRequestsException(ServiceError):  # noqa: N818 - AWS's own name
    """The request exceeds a rate limit, or is an injected fault."""

    status = 429


class OtherServiceError(ServiceError):
    """The error of another server, with a code that is none of the above."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self._code = code
        self.status = status
        self.args = (code, message, status)  # pickle calls the class with these

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
    """A policy is malformed or cannot be evaluated."""


class UnevaluatedPolicyError(PolicyError):
    """A policy is valid, but the engine cannot evaluate it."""


class DataDirectoryError(Exception):
    """The data directory cannot be used."""


class MissingDataError(DataDirectoryError):
    """The data directory has no database, and none was to be created."""


class InheritedEngineError(RuntimeError):
    """The engine belongs to the process from which this one was forked."""
