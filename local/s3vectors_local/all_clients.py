"""Connects all boto3 clients of the process to an engine for a while.

A program that creates its own client would call AWS in a test. So botocore is patched in four
places, for S3 Vectors only: where a client is created (it needs credentials and a region), where a
request is signed, where it is sent, and, in case another library removes these patches, where the
connection is opened.
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
"""Access key id and secret access key of a client without credentials."""

_LOCK: Final = threading.Lock()
_responders: Final[list[Callable[..., Any]]] = []
"""The active responders, the innermost last."""

_WRAPPERS: Final[WeakSet[Any]] = WeakSet()
"""The methods that wrap those of botocore."""


@contextmanager
def connect_all(
    engine: Engine, *, faults: Faults | None = None, verifier: Verifier | None = None
) -> Iterator[Engine]:
    """Connect all boto3 `s3vectors` clients of this process to an engine, inside a `with`.

    This includes clients created before and inside the block, in any thread, but not clients of
    other services and clients of `connect`. Requests are signed with the credentials of the client
    or of the environment. Dummy credentials replace all others (profiles, roles, instance
    metadata), which may use the network. A client without a region is in us-east-1.

    It works inside moto's `mock_aws` and around it; other `before-send` handlers are not called.
    Nested blocks apply to the whole process: the engine of the last one is used in any thread.
    Clients with another HTTP library (aiobotocore) are not connected; use `serving(engine)`.

    Args:
        engine: executes the operations; it stays open afterwards.
        faults: the faults to inject.
        verifier: checks signatures; without it, any credentials are accepted.

    Yields:
        The engine.

    Raises:
        ModuleNotFoundError: botocore is not installed.
    """
    respond = build_responder(engine, faults, verifier)
    with _LOCK:
        _responders.append(respond)
        restore = _patch_botocore()
    try:
        yield engine
    finally:
        with _LOCK:
            _responders.remove(respond)
            restore()


def _patch_botocore() -> Callable[[], None]:
    """Wrap botocore's methods; return the function that unwraps them."""
    from botocore.endpoint import Endpoint  # noqa: PLC0415 - an extra
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415 - an extra
    from botocore.session import Session  # noqa: PLC0415 - an extra
    from botocore.signers import RequestSigner  # noqa: PLC0415 - an extra

    with ExitStack() as changes:
        for owner, name, replacement in (
            (Session, "create_client", _create_client),
            (RequestSigner, "sign", _sign),
            (Endpoint, "make_request", _make_request),
            (URLLib3Session, "send", _send),
        ):
            original = getattr(owner, name)
            while (
                len(_responders) == 1 and original in _WRAPPERS
            ):  # left by a wrapper of another library
                original = original.__wrapped__
            ours = _wrap(replacement, original)
            _WRAPPERS.add(ours)
            setattr(owner, name, ours)
            changes.callback(_restore, owner, name, ours, original)
        return changes.pop_all().close


def _wrap(replacement: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        # Another library may have stored this to call it later
        if not _responders:
            return original(self, *arguments, **options)
        return replacement(original, self, *arguments, **options)

    return call


def _restore(owner: Any, name: str, ours: Any, original: Any) -> None:
    # If another library has wrapped ours in the meantime, it stays and passes everything on
    if getattr(owner, name) is ours:
        setattr(owner, name, original)


def _create_client(create: Any, session: Any, *arguments: Any, **options: Any) -> Any:
    """Session.create_client, with dummy credentials instead of a search for some, and a region."""
    bound = signature(create).bind(session, *arguments, **options)
    parameters = bound.arguments
    if parameters["service_name"] == _SERVICE:
        if not (parameters.get("aws_access_key_id") or _has_credentials(session)):
            parameters |= {"aws_access_key_id": _DUMMY, "aws_secret_access_key": _DUMMY}
        configured = getattr(parameters.get("config"), "region_name", None)
        if not (
            parameters.get("region_name") or configured or session.get_config_variable("region")
        ):
            parameters["region_name"] = DEFAULT_REGION
    return create(*bound.args, **bound.kwargs)


def _has_credentials(session: Any) -> bool:
    """Whether a session has its own credentials, or those of the environment."""
    own = session._credentials  # noqa: SLF001 - no public way
    keys = (os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY"))
    # An explicit profile has precedence over the environment
    return own is not None or (all(keys) and "profile" not in session.instance_variables())


def _sign(sign: Any, signer: Any, *arguments: Any, **options: Any) -> Any:
    """RequestSigner.sign, with dummies instead of credentials that may use the network."""
    from botocore.credentials import Credentials, RefreshableCredentials  # noqa: PLC0415 - loaded

    own = signer._credentials  # noqa: SLF001 - no public way
    may_use_network = own is None or isinstance(own, RefreshableCredentials)
    if signer.signing_name == _SERVICE and may_use_network:
        signer = copy.copy(signer)
        signer._credentials = Credentials(_DUMMY, _DUMMY)  # noqa: SLF001 - of the copy
    return sign(signer, *arguments, **options)


def _make_request(make_request: Any, endpoint: Any, operation_model: Any, request: Any) -> Any:
    """Endpoint.make_request, with the engine instead of the network."""
    events = endpoint._event_emitter  # noqa: SLF001 - no public way
    if operation_model.service_model.service_name == _SERVICE and not is_connected(events):
        endpoint = copy.copy(endpoint)
        endpoint._event_emitter = _Events(events)  # noqa: SLF001 - of the copy
        endpoint.http_session = _NoNetwork()  # in case botocore emits no event before it sends
    return make_request(endpoint, operation_model, request)


def _send(send: Any, session: Any, request: Any) -> Any:
    """URLLib3Session.send, in case another library has removed the patch of `make_request`."""
    signed = request.headers.get("Authorization", b"")
    text = signed if isinstance(signed, str) else signed.decode("latin-1")
    if f"/{_SERVICE}/aws4_request" in text:
        _NoNetwork().send(request)
    return send(session, request)


class _Events:
    """The events of a client, with the engine as the only `before-send` handler.

    botocore calls all handlers of `before-send`, even after one has responded: moto's would execute
    the request a second time.
    """

    def __init__(self, events: Any) -> None:
        self._events = events

    def emit(self, event_name: str, **options: Any) -> Any:
        if not event_name.startswith("before-send."):
            return self._events.emit(event_name, **options)
        # No lock: a slice is atomic, and in a forked child the lock may be held for ever.
        innermost = _responders[-1:]
        if not innermost:
            raise RuntimeError("connect_all ended during a request; nothing was sent")
        (respond,) = innermost
        return [(respond, respond(options["request"]))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)


class _NoNetwork:
    """Replaces the session that sends requests."""

    def send(self, request: Any) -> Any:
        raise RuntimeError(
            f"a request to {request.url} was about to be sent although connect_all is active. A "
            "mock has removed its patches of botocore, or s3vectors-local does not support this "
            "version of botocore. Nothing was sent"
        )

    def close(self) -> None:
        """Do nothing: no connection is open."""
