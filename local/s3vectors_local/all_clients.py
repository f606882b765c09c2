"""Every boto3 client of the process, build_responder by an engine for a while.

A program that makes its own client, somewhere deep, would reach AWS in a test. So botocore itself
is changed for a while, at four places, for S3 Vectors only: where a client is made (it needs
credentials and a region), where a request is signed, where it is build_responder, and, in case that
somebody takes these changes away, where it would be sent.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from .arns import DEFAULT_REGION
from .inprocess import build_responder, is_connected

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

_OURS: Final[WeakSet[Any]] = WeakSet()
"""The methods that were put around botocore's."""


@contextmanager
def connect_all(
    engine: Engine, *, faults: Faults | None = None, verifier: Verifier | None = None
) -> Iterator[Engine]:
    """Let the engine answer every boto3 `s3vectors` client of this process, inside a `with`.

    Clients made before and clients made inside, in any thread. Other services are untouched, and
    so is a client that was given to `connect`. Credentials: those that a client was made with, or
    that the environment has, sign; in place of all others (profiles, roles, instance metadata),
    which may ask the network, dummies do. A client without a region is in us-east-1.

    It works inside moto's `mock_aws` and around it; `before-send` handlers of others are not
    called. It is for the whole process: the engine that was named last answers, in any thread.
    Clients that do not use botocore's own HTTP (aiobotocore) are not reached; point those at
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
    respond = build_responder(engine, faults, verifier)
    with _LOCK:
        _responders.append(respond)
        restore = _change_botocore()
    try:
        yield engine
    finally:
        with _LOCK:
            _responders.remove(respond)
            restore()


def _change_botocore() -> Callable[[], None]:
    """Put ours around what botocore has; returns what takes it off again."""
    from botocore.endpoint import Endpoint  # noqa: PLC0415 - an extra
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415
    from botocore.signers import RequestSigner  # noqa: PLC0415

    with ExitStack() as changes:
        for owner, name, around in (
            (Session, "create_client", _create_client),
            (RequestSigner, "sign", _sign),
            (Endpoint, "make_request", _make_request),
            (URLLib3Session, "send", _send),
        ):
            original = getattr(owner, name)
            while len(_responders) == 1 and original in _OURS:  # left there by somebody's wrapper
                original = original.__wrapped__
            ours = _around(around, original)
            _OURS.add(ours)
            setattr(owner, name, ours)
            changes.callback(_restore, owner, name, ours, original)
        return changes.pop_all().close


def _around(around: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        # Somebody may have put this away to call it later
        if not _responders:
            return original(self, *arguments, **options)
        return around(original, self, *arguments, **options)

    return method


def _restore(owner: Any, name: str, ours: Any, original: Any) -> None:
    # Where somebody has put a wrapper around ours meanwhile, it stays, and passes everything on
    if getattr(owner, name) is ours:
        setattr(owner, name, original)


def _create_client(create: Any, session: Any, *arguments: Any, **options: Any) -> Any:
    """Session.create_client, with dummy credentials rather than a search for some, and a region."""
    told = signature(create).bind(session, *arguments, **options)
    given = told.arguments
    if given["service_name"] == _SERVICE:
        if not (given.get("aws_access_key_id") or _has_credentials(session)):
            given |= {"aws_access_key_id": _DUMMY, "aws_secret_access_key": _DUMMY}
        configured = getattr(given.get("config"), "region_name", None)
        if not (given.get("region_name") or configured or session.get_config_variable("region")):
            given["region_name"] = DEFAULT_REGION
    return create(*told.args, **told.kwargs)


def _has_credentials(session: Any) -> bool:
    """Whether a session has credentials at hand: its own, or those of the environment."""
    own = session._credentials  # noqa: SLF001 - no public way
    keys = (os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY"))
    # Named explicitly, a profile counts more than the environment
    return own is not None or (all(keys) and "profile" not in session.instance_variables())


def _sign(sign: Any, signer: Any, *arguments: Any, **options: Any) -> Any:
    """RequestSigner.sign, with dummies in place of credentials that may ask the network."""
    from botocore.credentials import Credentials, RefreshableCredentials  # noqa: PLC0415 - loaded

    own = signer._credentials  # noqa: SLF001 - no public way
    asks = own is None or isinstance(own, RefreshableCredentials)
    if signer.signing_name == _SERVICE and asks:
        signer = copy.copy(signer)
        signer._credentials = Credentials(_DUMMY, _DUMMY)  # noqa: SLF001 - of the copy
    return sign(signer, *arguments, **options)


def _make_request(make_request: Any, endpoint: Any, operation_model: Any, request: Any) -> Any:
    """Endpoint.make_request, where the engine is the network."""
    events = endpoint._event_emitter  # noqa: SLF001 - no public way
    if operation_model.service_model.service_name == _SERVICE and not is_connected(events):
        endpoint = copy.copy(endpoint)
        endpoint._event_emitter = _Events(events)  # noqa: SLF001 - of the copy
        endpoint.http_session = _NoNetwork()  # should botocore ask nobody before it sends
    return make_request(endpoint, operation_model, request)


def _send(send: Any, session: Any, request: Any) -> Any:
    """URLLib3Session.send, should somebody have taken the change of `make_request` away."""
    signed = request.headers.get("Authorization", b"")
    text = signed if isinstance(signed, str) else signed.decode("latin-1")
    if f"/{_SERVICE}/aws4_request" in text:
        _NoNetwork().send(request)
    return send(session, request)


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
        # No lock: a slice is one step, and a forked child may find the lock held for ever.
        innermost = _responders[-1:]
        if not innermost:
            raise RuntimeError("connect_all ended during a request; nothing was sent")
        (respond,) = innermost
        return [(respond, respond(options["request"]))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)


class _NoNetwork:
    """In place of the session that would send a request."""

    def send(self, request: Any) -> Any:
        raise RuntimeError(
            f"a request to {request.url} was about to be sent, though connect_all is on: a mock "
            "has taken its changes of botocore away, or botocore is newer than s3vectors-local "
            "knows. Nothing was sent"
        )

    def close(self) -> None:
        """Nothing is open."""
