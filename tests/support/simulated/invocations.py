"""Lambda's Invoke, which moto leaves to Docker: functions run on this machine, and stay warm."""

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
Start: TypeAlias = Callable[[str, list[tuple[str, str]]], object]
Application: TypeAlias = Callable[[Environ, Start], Iterable[bytes]]
Run: TypeAlias = Callable[[str, Path], AbstractContextManager[Runtime]]

_INVOKE: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_JSON: Final = ("Content-Type", "application/json")


class _Warm(NamedTuple):
    """A function that runs, as it was when it was started."""

    configuration: Configuration
    runtime: Runtime
    until: ExitStack


class Invocations:
    """A WSGI application in front of moto's; a context that stops what runs.

    Args:
        moto: answers all else, and for functions that are not there.
        run: runs a function by its name, out of a folder.
    """

    def __init__(self, moto: Application, run: Run) -> None:
        self._moto = moto
        self._run = run
        self._warm: dict[str, _Warm] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for warm in self._warm.values():
            warm.until.close()

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        match = _INVOKE.fullmatch(environ["PATH_INFO"])
        configuration = find_function(unquote(match[1])) if match else None
        if configuration is None:
            return self._moto(environ, start)
        event = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        status, headers, answer = self._answer(configuration, event)
        start(status, [_JSON, *headers.items()])
        return [json.dumps(answer).encode()]

    def _answer(self, configuration: Configuration, event: Any) -> tuple[str, dict[str, str], Any]:
        headers = {"X-Amz-Executed-Version": configuration["Version"]}
        try:
            return "200 OK", headers, self._find_runtime(configuration).invoke(event)
        except FunctionError as error:
            return "200 OK", {**headers, "X-Amz-Function-Error": "Unhandled"}, error.payload
        except RefusedError as error:
            code = {"X-Amzn-ErrorType": "InvalidParameterValueException"}
            return "400 Bad Request", code, {"Message": str(error)}

    def _find_runtime(self, configuration: Configuration) -> Runtime:
        """It as it is now: one that has been changed since, or made again, is started anew."""
        name = configuration["FunctionArn"]
        with self._lock:
            warm = self._warm.get(name)
            if warm is None or warm.configuration != configuration:
                if warm is not None:
                    self._warm.pop(name).until.close()
                self._warm[name] = self._start(configuration)
            return self._warm[name].runtime

    def _start(self, configuration: Configuration) -> _Warm:
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="function-"))
            run = self._run(configuration["FunctionArn"], Path(folder) / "task")
            runtime = stack.enter_context(run)
            return _Warm(configuration, runtime, stack.pop_all())
