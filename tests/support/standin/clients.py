"""The provider block, and clients that connect to this machine only."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final

from .wire_values import UNKNOWN

ACCOUNT: Final = "123456789012"
"""The account of moto and of the local engine. It is a constant, so that a plan makes no call."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ProblemError(Exception):
    """An error for Terraform to show.

    Args:
        summary: the problem in one line.
        detail: more information.
    """

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.summary, self.detail = summary, detail


class Provider:
    """The configuration of one provider block.

    Args:
        config: the values of the block.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        region = config.get("region") or os.environ.get("AWS_REGION")
        if not region or region is UNKNOWN:
            raise ProblemError("no region", "Set region in the provider block, or AWS_REGION.")
        self.region = str(region)
        self.default_tags: dict[str, str] = {}
        for block in config.get("default_tags") or []:
            self.default_tags |= block.get("tags") or {}
        self._endpoints: dict[str, str] = {}
        for block in config.get("endpoints") or []:
            self._endpoints |= {service: url for service, url in block.items() if url}
        self._clients: dict[str, Any] = {}

    @property
    def partition(self) -> str:
        """The partition of the region."""
        starts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        return next((p for start, p in starts.items() if self.region.startswith(start)), "aws")

    def remove_default_tags(self, tags: dict[str, str]) -> dict[str, str] | None:
        """Return a resource's tags without the default tags; None if there are no others."""
        default = self.default_tags
        own = {name: value for name, value in tags.items() if default.get(name) != value}
        return own or None

    def make_client(self, service: str) -> Any:
        """Return a boto3 client of that service."""
        if service not in self._clients:
            url = _check_local(service, self._endpoints.get(service) or _read_endpoint(service))
            import boto3  # noqa: PLC0415 - the import takes longer than a plan, which needs no client

            make: Any = boto3.client
            self._clients[service] = make(service, region_name=self.region, endpoint_url=url)
        return self._clients[service]


def _read_endpoint(service: str) -> str:
    name = f"AWS_ENDPOINT_URL_{service.upper()}"
    return os.environ.get(name) or os.environ.get("AWS_ENDPOINT_URL") or ""


def _check_local(service: str, url: str) -> str:
    if urllib.parse.urlparse(url).hostname not in _LOOPBACK:
        raise ProblemError(
            "the stand-in provider connects to this machine only",
            f"The endpoint of {service} is {url or 'not set'}.",
        )
    return url


def call(summary: str, method: Callable[..., Any], **arguments: Any) -> Any:
    """Call the method, and return the response.

    Raises:
        ProblemError: the call failed; with this summary.
    """
    try:
        return method(**arguments)
    except Exception as error:
        raise ProblemError(summary, f"{type(error).__name__}: {error}") from error


def call_or_none(client: Any, missing: str, method: Callable[..., Any], **arguments: Any) -> Any:
    """Call the method, and return the response; None for an error of the class `missing`."""
    try:
        return method(**arguments)
    except getattr(client.exceptions, missing):
        return None


def format_timestamp(when: datetime | None) -> str:
    """Format a time like the genuine provider."""
    moment = when or datetime.fromtimestamp(0, timezone.utc)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
