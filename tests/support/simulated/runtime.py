"""A function as Lambda runs it: by AWS's own runtime client, from its package, as its role.

The client (`awslambdaric`) asks the runtime API for events and answers there
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html); this is that API, and nothing of
our environment reaches the function: the Python is one that has the client only.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Protocol

from children import join_python_path

POLL: Final = 0.01
"""Seconds between looks of a server whether it is to stop."""
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
_RESTORED: Final = "/2018-06-01/runtime/restore/next"
_CREDENTIALS: Final = "/credentials"
_NAMES: Final = {
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "Token": "AWS_SESSION_TOKEN",
}
"""Credentials as a container gets them, and the variables that have them otherwise."""


class FunctionError(Exception):
    """What the function raised, as `aws lambda invoke` tells it."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(f"{payload.get('errorType')}: {payload.get('errorMessage')}")
        self.payload = payload


class Function(Protocol):
    """A function, wherever it runs."""

    def invoke(self, event: Any) -> Any:
        """What it answers."""


@dataclass
class _Invocation:
    event: Any
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    failed: bool = False

    def finish(self, body: bytes, *, failed: bool) -> None:
        """Keep what came back."""
        self.answer, self.failed = json.loads(body or b"null"), failed
        self.done.set()


class Runtime:
    """A function that runs.

    Args:
        process: the runtime client.
        api: what it talks to.
    """

    def __init__(self, process: subprocess.Popen[bytes], api: _Api) -> None:
        self._process = process
        self._api = api

    @property
    def process_id(self) -> int:
        """Of the function's process."""
        return self._process.pid

    @property
    def requested(self) -> list[str]:
        """The paths of what the function's process has asked for, in their order."""
        return self._api.requested

    def invoke(self, event: Any) -> Any:
        """What the function answers.

        Raises:
            FunctionError: it raised something, or could not start.
        """
        invocation = _Invocation(event)
        self._api.waiting[invocation.request_id] = invocation
        self._api.events.put(invocation)
        while not invocation.done.wait(0.2):
            if self._api.init_error is not None:
                raise FunctionError(self._api.init_error)
            if self._process.poll() is not None:
                code = self._process.returncode
                error = {"errorType": "Runtime.ExitError", "errorMessage": f"exit status {code}"}
                raise FunctionError(error)
        if invocation.failed:
            raise FunctionError(invocation.answer)
        return invocation.answer


class _Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, arn: str, timeout: int, environment: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arn = arn
        self.credentials = {name: environment.get(key, "") for name, key in _NAMES.items()}
        self.requested: list[str] = []
        self.seconds = timeout
        self.events: queue.Queue[_Invocation] = queue.Queue()
        self.waiting: dict[str, _Invocation] = {}
        self.init_error: dict[str, Any] | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that end with the function."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Api
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: of two, the second waits 40 ms for an answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Hand out the next event, once there is one; or what SnapStart asks for."""
        self.server.requested.append(self.path)
        if self.path == _RESTORED:
            return self._answer(200, b"", {})
        if self.path == _CREDENTIALS:
            until = {"Expiration": "2099-01-01T00:00:00Z"}
            return self._answer(200, json.dumps({**self.server.credentials, **until}).encode(), {})
        return self._answer_event()

    def _answer_event(self) -> None:
        invocation = self.server.events.get()
        self._answer(
            200,
            json.dumps(invocation.event).encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.server.seconds) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.arn,
                "Lambda-Runtime-Trace-Id": "Root=1-0-0",  # the client crashes without it
                "Content-Type": "application/json",
            },
        )

    def do_POST(self) -> None:
        """Take an answer, or an error."""
        body = self._read_body()
        if self.path == _INIT_ERROR:
            self.server.init_error = json.loads(body)
        else:
            request_id, kind = self.path.split("/")[-2:]
            self.server.waiting.pop(request_id).finish(body, failed=kind == "error")
        self._answer(202, b"{}", {})

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def run_function(
    package: Path, configuration: Mapping[str, Any], environment: Mapping[str, str], python: Path
) -> Iterator[Runtime]:
    """Run a function.

    Its Timeout is what the function is told, and is not enforced: no test depends on how fast
    the machine is. LAMBDA_TASK_ROOT, where Lambda lets nothing be written, is writable here.

    Args:
        package: its code, unzipped.
        configuration: as Lambda's GetFunctionConfiguration tells it.
        environment: credentials, endpoint, region; its own variables are added.
        python: one that has the runtime client.
    """
    with _serve(_Api(configuration["FunctionArn"], configuration["Timeout"], environment)) as api:
        variables = {
            **_make_environment(package, configuration),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
            **configuration.get("Environment", {}).get("Variables", {}),
            **environment,
            "PYTHONPATH": join_python_path(package),
        }
        if configuration.get("SnapStart", {}).get("OptimizationStatus") == "On":
            _start_from_snapshot(variables, api)
        command = [python, "-m", "awslambdaric", configuration["Handler"]]
        process = subprocess.Popen(command, cwd=package, env=variables)
        try:
            yield Runtime(process, api)
        finally:
            process.kill()
            process.wait()


def _start_from_snapshot(variables: dict[str, str], api: _Api) -> None:
    """Let the client report that it is initialized, and the function ask for its credentials."""
    for name in _NAMES.values():
        variables.pop(name, None)
    variables |= {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{api.server_port}{_CREDENTIALS}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a-token",
    }


def _make_environment(package: Path, configuration: Mapping[str, Any]) -> dict[str, str]:
    """What Lambda tells a function about itself."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": configuration.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBDA_TASK_ROOT": str(package),
        "_HANDLER": configuration["Handler"],
    }


@contextmanager
def _serve(api: _Api) -> Iterator[_Api]:
    thread = threading.Thread(target=api.serve_forever, args=(POLL,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.shutdown()
        thread.join()
        api.server_close()
