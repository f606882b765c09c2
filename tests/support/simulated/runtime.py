"""A function that AWS's own runtime client runs from its package, with the role's credentials.

The client (`awslambdaric`) gets events from the runtime API and posts responses to it
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). This module is that API. The
function sees nothing of our environment: its Python has only the client.
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

from support.processes.children import join_python_path

POLL_SECONDS: Final = 0.01
"""How often a server checks whether to stop."""
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
_RESTORE_NEXT: Final = "/2018-06-01/runtime/restore/next"
_CREDENTIALS: Final = "/credentials"
_CREDENTIAL_VARIABLES: Final = {
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "Token": "AWS_SESSION_TOKEN",
}
"""The members of a container's credentials, and the environment variable for each."""


class FunctionError(Exception):
    """The error that a function raised, as Invoke returns it."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(f"{payload.get('errorType')}: {payload.get('errorMessage')}")
        self.payload = payload


class Function(Protocol):
    """A Lambda function, wherever it runs."""

    def invoke(self, event: Any) -> Any:
        """Return the function's response."""


@dataclass
class _Invocation:
    event: Any
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    response: Any = None
    failed: bool = False

    def finish(self, body: bytes, *, failed: bool) -> None:
        """Store the response or the error."""
        self.response, self.failed = json.loads(body or b"null"), failed
        self.done.set()


class Runtime:
    """A running function.

    Args:
        process: the process of the runtime client.
        api: the runtime API that it calls.
    """

    def __init__(self, process: subprocess.Popen[bytes], api: _Api) -> None:
        self._process = process
        self._api = api

    @property
    def process_id(self) -> int:
        """The id of the function's process."""
        return self._process.pid

    @property
    def requested_paths(self) -> list[str]:
        """The paths that the function's process has requested, in order."""
        return self._api.requested_paths

    def invoke(self, event: Any) -> Any:
        """Invoke the function, and return its response.

        Raises:
            FunctionError: it raised an error, or could not start.
        """
        invocation = _Invocation(event)
        self._api.pending[invocation.request_id] = invocation
        self._api.events.put(invocation)
        while not invocation.done.wait(0.2):
            if self._api.init_error is not None:
                raise FunctionError(self._api.init_error)
            if self._process.poll() is not None:
                code = self._process.returncode
                error = {"errorType": "Runtime.ExitError", "errorMessage": f"exit status {code}"}
                raise FunctionError(error)
        if invocation.failed:
            raise FunctionError(invocation.response)
        return invocation.response


class _Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, arn: str, timeout: int, environment: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arn = arn
        self.credentials = {
            name: environment.get(key, "") for name, key in _CREDENTIAL_VARIABLES.items()
        }
        self.requested_paths: list[str] = []
        self.timeout_seconds = timeout
        self.events: queue.Queue[_Invocation] = queue.Queue()
        self.pending: dict[str, _Invocation] = {}
        self.init_error: dict[str, Any] | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that end with the function."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Api
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # sends head and body in one packet; a second packet would wait 40 ms for an ACK

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Wait for the next event and send it, or answer a request of SnapStart's."""
        self.server.requested_paths.append(self.path)
        if self.path == _RESTORE_NEXT:
            return self._respond(200, b"", {})
        if self.path == _CREDENTIALS:
            credentials = {**self.server.credentials, "Expiration": "2099-01-01T00:00:00Z"}
            return self._respond(200, json.dumps(credentials).encode(), {})
        return self._send_event()

    def _send_event(self) -> None:
        invocation = self.server.events.get()
        deadline = time.time() + self.server.timeout_seconds
        self._respond(
            200,
            json.dumps(invocation.event).encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.arn,
                "Lambda-Runtime-Trace-Id": "Root=1-0-0",  # the client crashes without it
                "Content-Type": "application/json",
            },
        )

    def do_POST(self) -> None:
        """Receive a response or an error."""
        body = self._read_body()
        if self.path == _INIT_ERROR:
            self.server.init_error = json.loads(body)
        else:
            request_id, kind = self.path.split("/")[-2:]
            self.server.pending.pop(request_id).finish(body, failed=kind == "error")
        self._respond(202, b"{}", {})

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
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

    The function gets its Timeout as the deadline, but the timeout is not enforced: no test depends
    on the speed of the machine. LAMBDA_TASK_ROOT is writable here; on Lambda it is read-only.

    Args:
        package: the folder with its unzipped code.
        configuration: the response of Lambda's GetFunctionConfiguration.
        environment: credentials, endpoint and region. The function's own variables are added.
        python: a Python that has the runtime client.
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
    """Make the client request the restore, and the function fetch its credentials over HTTP."""
    for name in _CREDENTIAL_VARIABLES.values():
        variables.pop(name, None)
    variables |= {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{api.server_port}{_CREDENTIALS}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a-token",
    }


def _make_environment(package: Path, configuration: Mapping[str, Any]) -> dict[str, str]:
    """Make the variables in which Lambda describes a function to itself."""
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
    thread = threading.Thread(target=api.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.shutdown()
        thread.join()
        api.server_close()
