"""The caches of this process: clients, local engines, descriptions of indexes.

All of it belongs to the process. A forked process starts with empty caches: two processes that
read from one socket would get each other's responses, and locks of threads that the child does not
have would never be released.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from botocore import exceptions as botocore
from botocore import session as core

from stache_ai_s3vectors.errors import ConfigurationError, NotFoundError
from stache_ai_s3vectors.service.endpoints import LOCAL, describe_user_fault

from . import client as clients
from .advice import advise_local_creation
from .index_state import IndexState
from .single_flight import Flight

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

    from s3vectors_local import Engine
    from stache_ai_s3vectors.settings import Options

Environment: TypeAlias = tuple[tuple[str, str], ...]
"""The environment variables that boto3 reads, with their values."""

_Key: TypeAlias = tuple[Any, ...]

_Session: TypeAlias = tuple[core.Session, tuple[int, ...]]
"""A session, and the times at which the credential files were last written before its creation."""

_MAX_CONNECTIONS: Final = 16
"""The number of cached connections; the oldest are dropped first."""

_MAX_SESSIONS: Final = 4
"""The number of cached sessions: each has the service's model, which is large."""

_CREDENTIAL_FILES: Final = (
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("AWS_CONFIG_FILE", "~/.aws/config"),
)


@dataclass(eq=False)
class Connection:
    """A client, and the state of each index that its users share.

    Args:
        key: the options that it was created from.
        files: when the credential files were written last, before they were read.
    """

    client: S3VectorsClient
    key: _Key
    files: tuple[int, ...]
    process: int = field(default_factory=os.getpid)
    ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _indexes: dict[tuple[str, str], IndexState] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether it belongs to this process, and its credentials were not refused."""
        return not self.ended and self.process == os.getpid()

    def get_index_state(self, name: tuple[str, str], rate: float | None) -> IndexState:
        """The shared state of the index of that bucket and name.

        Args:
            rate: the most vectors to write per second; None or 0 for no limit. The first call
                decides.
        """
        known = self._indexes.get(name)
        if known is not None:
            return known
        with self._lock:
            return self._indexes.setdefault(name, IndexState.create(rate))

    @property
    def credentials_changed(self) -> bool:
        """Whether a credential file was written since."""
        return self.files != _read_file_times()


class _Process:
    """The caches of one process.

    Args:
        inherited: the engines of the parent process. They are referenced, so that Python does not
            clean them up here, but refuse to work.
    """

    def __init__(self, inherited: dict[str, Engine]) -> None:
        self.lock = threading.Lock()
        self.connections: dict[_Key, Connection] = {}
        self.sessions: dict[Environment, _Session] = {}
        self.flights: dict[_Key, Flight[Connection]] = {}
        self.engines: dict[str, Engine] = {}
        self.engines_lock = threading.Lock()
        self.inherited = inherited


_process = _Process({})


def _begin_anew() -> None:
    global _process  # noqa: PLW0603 - the child of a fork has one of its own
    _process = _Process({**_process.inherited, **_process.engines})


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_begin_anew)


def get_client(options: Options, *, create: bool = False) -> S3VectorsClient:
    """Get the client for these options; equal options share one (boto3 clients are thread-safe).

    Args:
        create: whether to create the engine of a `local:` endpoint if its directory has none.

    Raises:
        ConfigurationError: no client can be created with these settings: an unknown profile, a
            malformed region, the local engine not installed, its directory not usable.
        NotFoundError: the directory has no engine, and `create` is False.
    """
    return get_connection(options, create=create).client


def get_connection(options: Options, *, create: bool = False) -> Connection:
    """Get this process's connection for these options; arguments and errors as for `get_client`."""
    create = create and options.local  # so that equal calls made at the same time share one
    environment = _read_environment()
    tries = (options.retry_seconds, options.max_attempts)
    timeouts = (options.connect_timeout, options.read_timeout)
    key = (options.endpoint, options.region, timeouts, tries, environment)
    process = _process
    with process.lock:
        known = process.connections.get(key)
        if known is not None:
            return known
        flight = process.flights.setdefault((key, create), Flight())
    try:
        return flight.run(lambda: _connect(process, options, environment, key, create=create))
    finally:
        with process.lock:
            if process.flights.get((key, create)) is flight:
                del process.flights[key, create]


def preload(options: Options) -> None:
    """Read the models that this process's client for these options will need.

    It gets no credentials and opens no connection; raises as `get_client` does.
    """
    if options.local:
        return
    process, environment = _process, _read_environment()
    with _translate_faults(process, environment):
        session, _ = _get_session(process, environment)
        clients.load_models(options, session)


def _read_environment() -> Environment:
    """boto3's variables: other credentials need another client."""
    return tuple(sorted(kv for kv in os.environ.items() if kv[0].startswith("AWS_")))


def _connect(
    process: _Process, options: Options, environment: Environment, key: _Key, *, create: bool
) -> Connection:
    with _translate_faults(process, environment):
        connection = _create_connection(process, options, environment, key, create=create)
    with process.lock:
        while len(process.connections) >= _MAX_CONNECTIONS:
            process.connections.pop(next(iter(process.connections)))
        return process.connections.setdefault(key, connection)


@contextmanager
def _translate_faults(process: _Process, environment: Environment) -> Iterator[None]:
    """Translate errors from creating a client, and forget the session."""
    try:
        yield
    except ConfigurationError:
        raise
    except (botocore.BotoCoreError, botocore.ClientError, OSError, ValueError) as error:
        with process.lock:
            process.sessions.pop(
                environment, None
            )  # the user may correct a file that the session has read
        clients.strip_error_passwords(error)
        raise ConfigurationError(
            f"boto3 cannot create a client with these settings: {error}"
        ) from error


def _create_connection(
    process: _Process, options: Options, environment: Environment, key: _Key, *, create: bool
) -> Connection:
    if options.local:
        engine = _get_engine(process, options, create=create)
        return Connection(clients.create_local_client(options, engine), key, ())
    session, files = _get_session(process, environment)
    return Connection(clients.create_remote_client(options, session), key, files)


def _get_session(process: _Process, environment: Environment) -> _Session:
    """One session for all clients of the same environment: each has the service's model."""
    for name, value in environment:
        if name.startswith("AWS_ENDPOINT_URL") and (fault := describe_user_fault(name, value)):
            raise ConfigurationError(fault)
    files = _read_file_times()
    with process.lock:
        known = process.sessions.get(environment)
    if known is not None and known[1] == files:
        return known
    session = (core.get_session(), files)
    with process.lock:
        process.sessions.pop(environment, None)
        while len(process.sessions) >= _MAX_SESSIONS:
            process.sessions.pop(next(iter(process.sessions)))
        process.sessions[environment] = session
    return session


def end_connection(connection: Connection) -> None:
    """Stop using a connection; the next one reads the credentials again."""
    connection.ended = True
    process = _process
    with process.lock:
        if process.connections.get(connection.key) is connection:
            del process.connections[connection.key]
        process.sessions.pop(connection.key[-1], None)


def _read_file_times() -> tuple[int, ...]:
    return tuple(
        _read_file_time(os.environ.get(name) or usual) for name, usual in _CREDENTIAL_FILES
    )


def _read_file_time(file: str) -> int:
    """The time of a file's last write; 0 if it does not exist or is not a regular file."""
    try:
        status = Path(file).expanduser().stat()
    except (OSError, RuntimeError, ValueError):  # boto3 reports the fault if it reads the file
        return 0
    return status.st_mtime_ns if S_ISREG(status.st_mode) else 0


def get_engine(options: Options, *, create: bool = False) -> Engine:
    """Get the engine of a `local:` endpoint; arguments and errors as for `get_client`."""
    return _get_engine(_process, options, create=create)


def _get_engine(process: _Process, options: Options, *, create: bool) -> Engine:
    """Get the engine of a path, one per process; an empty path is the one in memory."""
    path = str(options.endpoint).removeprefix(LOCAL)
    try:
        from s3vectors_local import (  # noqa: PLC0415 - an extra
            DataDirectoryError,
            Engine,
            InheritedEngineError,
            MissingDataError,
        )
    except ImportError as error:
        raise ConfigurationError(
            f"the endpoint {LOCAL}{path} needs the local engine; in a clone of the "
            "repository: pip install './local[fast]'"
        ) from error
    with process.engines_lock:
        try:
            if path in process.inherited:
                process.inherited[path].check_owner()
            if path not in process.engines:
                process.engines[path] = Engine(path or None, create=create)
        except MissingDataError as error:
            text = f"S3VECTORS_ENDPOINT_URL={options.endpoint}: {error}"
            remedy = advise_local_creation(options)
            raise clients.build_error(NotFoundError, text, remedy) from error
        except (DataDirectoryError, InheritedEngineError) as error:
            raise ConfigurationError(f"S3VECTORS_ENDPOINT_URL={LOCAL}{path}: {error}") from error
        return process.engines[path]


def close_engines(*, in_memory: bool = True) -> None:
    """Release the data directories of local engines, and drop all clients.

    Args:
        in_memory: also drop the data of the engine in memory.
    """
    process = _process
    with process.engines_lock, process.lock:
        for connection in process.connections.values():
            connection.ended = True
        process.connections.clear()
        process.sessions.clear()
        for path in [path for path in process.engines if path or in_memory]:
            process.engines.pop(path).close()


# Data in memory stays for handlers that run later; it ends with the process
atexit.register(close_engines, in_memory=False)
