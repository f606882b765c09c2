"""Every boto3 client of the process, answered by an engine for a while.

A program that makes its own client, somewhere deep, would reach AWS in a test. So botocore itself
is changed for a while, at three places, for S3 Vectors only: where a client is made (it needs
credentials and a region), where a request is signed, and where it would be sent.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from .arns import DEFAULT_REGION
from .inprocess import answered, is_connected

if TYPE_CHECKING:
    from .engine import Engine
    from .faults import Faults
    from .signatures import Verifier

_SERVICE: Final = "s3vectors"
_DUMMY: Final = "testing"
"""Access key id and secret access key, where a client has none of its own."""

_LOCK: Final = threading.Lock()
_responders: Final[list[Callable[..., Any]]] = []
"""What answers, innermost last."""

_originals: Final[dict[str, Callable[..., Any]]] = {}
"""The methods of botocore that are changed now, as they were."""


@contextmanager
def connect_all(
    engine: Engine, *, faults: Faults | None = None, verifier: Verifier | None = None
) -> Iterator[Engine]:
    """Let the engine answer every boto3 `s3vectors` client of this process, inside a `with`.

    Clients made before and clients made inside, in any thread. Other services are untouched, and
    so is a client that was given to `connect`. Credentials: those that a client was made with, or
    that the environment has, sign; in place of all others (profiles, roles, instance metadata),
    which may ask the network, dummies do. A client without a region is in us-east-1.

    It works inside moto's `mock_aws` and around it. Nested, the innermost engine answers. Clients
    that do not use botocore's own HTTP (aiobotocore) are not reached; point those at
    `serving(engine)`.

    Args:
        engine: who answers; it stays open afterwards.
        faults: what goes wrong on purpose.
        verifier: checks signatures; without it any credentials will do.

    Yields:
        The engine.

    Raises:
        ModuleNotFoundError: botocore is not installed.
    """
    respond = answered(engine, faults, verifier)
    with _LOCK:
        if not _responders:
            _change_botocore()
        _responders.append(respond)
    try:
        yield engine
    finally:
        with _LOCK:
            _responders.remove(respond)
            if not _responders:
                _restore_botocore()


def _places() -> dict[str, tuple[Any, Callable[..., Any]]]:
    """The methods of botocore that are changed, each with its class and what replaces it."""
    from botocore.endpoint import Endpoint  # noqa: PLC0415 - an extra
    from botocore.session import Session  # noqa: PLC0415
    from botocore.signers import RequestSigner  # noqa: PLC0415

    return {
        "create_client": (Session, _create_client),
        "sign": (RequestSigner, _sign),
        "make_request": (Endpoint, _make_request),
    }


def _change_botocore() -> None:
    for name, (owner, changed) in _places().items():
        if name not in _originals:
            _originals[name] = getattr(owner, name)
            setattr(owner, name, changed)


def _restore_botocore() -> None:
    for name, (owner, changed) in _places().items():
        # Where somebody has wrapped ours meanwhile, it stays, and passes everything on
        if getattr(owner, name) is changed:
            setattr(owner, name, _originals.pop(name))


def _create_client(session: Any, service_name: str, *arguments: Any, **options: Any) -> Any:
    """Session.create_client, with dummy credentials rather than none, and a region."""
    create = _originals["create_client"]
    if service_name != _SERVICE or not _responders:
        return create(session, service_name, *arguments, **options)
    named = dict(zip(("region_name",), arguments, strict=False)) | options
    own = named.get("aws_access_key_id") or session._credentials  # noqa: SLF001 - no public way
    if not own and "AWS_ACCESS_KEY_ID" not in os.environ:
        options |= {"aws_access_key_id": _DUMMY, "aws_secret_access_key": _DUMMY}
    if not named.get("region_name") and not session.get_config_variable("region"):
        options["region_name"] = DEFAULT_REGION
    return create(session, service_name, *arguments, **options)


def _sign(signer: Any, *arguments: Any, **options: Any) -> Any:
    """RequestSigner.sign, with dummies in place of credentials that may ask the network."""
    from botocore.credentials import Credentials, RefreshableCredentials  # noqa: PLC0415 - loaded

    sign = _originals["sign"]
    if signer.signing_name != _SERVICE or not _responders:
        return sign(signer, *arguments, **options)
    own = signer._credentials  # noqa: SLF001 - no public way
    if own is None or isinstance(own, RefreshableCredentials):
        signer = copy.copy(signer)
        signer._credentials = Credentials(_DUMMY, _DUMMY)  # noqa: SLF001 - of the copy
    return sign(signer, *arguments, **options)


def _make_request(endpoint: Any, operation_model: Any, request_dict: Any) -> Any:
    """Endpoint.make_request, where the engine is the network."""
    make_request = _originals["make_request"]
    events = endpoint._event_emitter  # noqa: SLF001 - no public way
    other = operation_model.service_model.service_name != _SERVICE or is_connected(events)
    if other or not _responders:
        return make_request(endpoint, operation_model, request_dict)
    endpoint = copy.copy(endpoint)
    endpoint._event_emitter = _Events(events)  # noqa: SLF001 - of the copy
    endpoint.http_session = _NoNetwork()  # should botocore ask nobody before it sends
    return make_request(endpoint, operation_model, request_dict)


class _Events:
    """The events of a client, where nobody but the engine sends.

    botocore asks every handler of `before-send`, also after one has answered: moto's would carry
    the request out a second time.
    """

    def __init__(self, events: Any) -> None:
        self._events = events

    def emit(self, event_name: str, **options: Any) -> Any:
        if not event_name.startswith("before-send."):
            return self._events.emit(event_name, **options)
        with _LOCK:
            respond = _responders[-1] if _responders else None
        if respond is None:
            raise RuntimeError("connect_all ended during a request; nothing was sent")
        return [(respond, respond(options["request"]))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)


class _NoNetwork:
    """In place of the session that would send a request."""

    def send(self, request: Any) -> Any:
        raise RuntimeError(
            f"a request to {request.url} was about to be sent, though connect_all is on; is "
            "botocore newer than s3vectors-local knows? Nothing was sent"
        )

    def close(self) -> None:
        """Nothing is open."""
