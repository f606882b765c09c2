"""The last requests that a server answered, for the console. Never vectors, texts or secrets."""

from __future__ import annotations

import itertools
import time
from collections import deque
from typing import Any, Final, NamedTuple

from .faults import Loss
from .wire import Response, find_operation_name

LENGTH: Final = 200
"""Requests kept from clients, and as many more from the console, which may send many."""

_MAX_LENGTH: Final = 200
"""Characters of a name; a client could send megabytes."""


class _Request(NamedTuple):
    id: int
    time: float
    method: str
    path: str
    resource: str
    status: int | None
    reason: str
    seconds: float
    console: bool


class RecentRequests:
    """Keeps the last requests. Any thread can add one."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._of_clients: deque[_Request] = deque(maxlen=LENGTH)
        self._of_console: deque[_Request] = deque(maxlen=LENGTH)

    def add(
        self,
        method: str,
        path: str,
        response: Response | Loss,
        seconds: float,
        *,
        console: bool = False,
    ) -> None:
        """Keep one request.

        Args:
            method: the HTTP method.
            path: the path as received.
            response: the response, or how it was lost.
            seconds: how long the request took.
            console: whether the console sent it.
        """
        resource, status, reason = "", None, str(response)
        if isinstance(response, Response):
            resource, status, reason = response.resource, response.status, response.reason
        texts = (method, path[:_MAX_LENGTH], resource[:_MAX_LENGTH])
        request = _Request(
            next(self._ids), time.time(), *texts, status, reason[:_MAX_LENGTH], seconds, console
        )
        (self._of_console if console else self._of_clients).append(request)

    def list(self, after: int) -> list[dict[str, Any]]:
        """List the requests with an id above `after`, the oldest first."""
        requests = sorted((*self._of_clients.copy(), *self._of_console.copy()))
        return [_describe(request) for request in requests if request.id > after]


def _describe(request: _Request) -> dict[str, Any]:
    operation = find_operation_name(request.method, request.path)
    return {
        "id": request.id,
        "time": request.time,
        "operation": operation or f"{request.method} {request.path}",
        "resource": request.resource,
        "status": request.status,
        "milliseconds": request.seconds * 1000,
        "reason": request.reason,
        "console": request.console,
    }
