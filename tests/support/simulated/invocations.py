"""Lambda's Invoke. moto runs functions in Docker; here they run as processes, and stay warm."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, Self, TypeAlias
from urllib.parse import unquote

from .functions import Configuration, RefusedError, find_function
from .runtime import FunctionError, Runtime

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], object]
Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
RunFunction: TypeAlias = Callable[[str, Path], AbstractContextManager[Runtime]]

_INVOKE: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_JSON_HEADER: Final = ("Content-Type", "application/json")


class _Warm(NamedTuple):
    """A running function, with its configuration at the start."""

    configuration: Configuration
    runtime: Runtime
    exit_stack: ExitStack


class Invocations:
    """A WSGI application in front of moto's. As a context manager, it stops the functions.

    Args:
        moto: the application for all other requests, and for missing functions.
        run: a function that runs a Lambda function by its name, with its package in a folder.
    """

    def __init__(self, moto: Application, run: RunFunction) -> None:
        self._moto = moto
        self._run = run
        self._warm: dict[str, _Warm] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for warm in self._warm.values():
            warm.exit_stack.close()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        match = _INVOKE.fullmatch(environ["PATH_INFO"])
        configuration = find_function(unquote(match[1])) if match else None
        if configuration is None:
            return self._moto(environ, start_response)
        event = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        status, headers, payload = self._invoke(configuration, event)
        start_response(status, [_JSON_HEADER, *headers.items()])
        return [json.dumps(payload).encode()]

    def _invoke(self, configuration: Configuration, event: Any) -> tuple[str, dict[str, str], Any]:
        headers = {"X-Amz-Executed-Version": configuration["Version"]}
        try:
            return "200 OK", headers, self._get_runtime(configuration).invoke(event)
        except FunctionError as error:
            return "200 OK", {**headers, "X-Amz-Function-Error": "Unhandled"}, error.payload
        except RefusedError as error:
            code = {"X-Amzn-ErrorType": "InvalidParameterValueException"}
            return "400 Bad Request", code, {"Message": str(error)}

    def _get_runtime(self, configuration: Configuration) -> Runtime:
        """Return the running function. Restart it if its configuration changed."""
        name = configuration["FunctionArn"]
        with self._lock:
            warm = self._warm.get(name)
            if warm is None or warm.configuration != configuration:
                if warm is not None:
                    self._warm.pop(name).exit_stack.close()
                self._warm[name] = self._start(configuration)
            return self._warm[name].runtime

    def _start(self, configuration: Configuration) -> _Warm:
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="function-"))
            run = self._run(configuration["FunctionArn"], Path(folder) / "task")
            runtime = stack.enter_context(run)
            return _Warm(configuration, runtime, stack.pop_all())
