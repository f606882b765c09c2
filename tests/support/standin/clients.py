"""Where calls go: to this machine, and nowhere else."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final

from .values import UNKNOWN

ACCOUNT: Final = "123456789012"
"""That of moto and of the local engine; told without a call, so that a plan needs neither."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ProblemError(Exception):
    """What Terraform shows as an error.

    Args:
        summary: in one line.
        detail: whatever else helps.
    """

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.summary, self.detail = summary, detail


class Provider:
    """The configuration of one provider block.

    Args:
        config: as it is written.
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

    def own_tags(self, tags: dict[str, str]) -> dict[str, str] | None:
        """A resource's tags without the default ones; None when there are no others."""
        default = self.default_tags
        own = {name: value for name, value in tags.items() if default.get(name) != value}
        return own or None

    def make_client(self, service: str) -> Any:
        """A boto3 client of that service."""
        if service not in self._clients:
            url = _check_local(service, self._endpoints.get(service) or _read_endpoint(service))
            import boto3  # noqa: PLC0415 - takes longer than a plan, which makes no calls

            make: Any = boto3.client
            self._clients[service] = make(service, region_name=self.region, endpoint_url=url)
        return self._clients[service]


def _read_endpoint(service: str) -> str:
    name = f"AWS_ENDPOINT_URL_{service.upper()}"
    return os.environ.get(name) or os.environ.get("AWS_ENDPOINT_URL") or ""


def _check_local(service: str, url: str) -> str:
    if urllib.parse.urlparse(url).hostname not in _LOOPBACK:
        raise ProblemError(
            "the stand-in provider talks to this machine only",
            f"The endpoint of {service} is {url or 'not given'}.",
        )
    return url


def call(what: str, method: Callable[..., Any], **arguments: Any) -> Any:
    """What the call answers.

    Raises:
        ProblemError: it failed.
    """
    try:
        return method(**arguments)
    except Exception as error:
        raise ProblemError(what, f"{type(error).__name__}: {error}") from error


def call_or_none(client: Any, missing: str, method: Callable[..., Any], **arguments: Any) -> Any:
    """What the call answers, or None when there is no such thing."""
    try:
        return method(**arguments)
    except getattr(client.exceptions, missing):
        return None


def format_timestamp(when: datetime | None) -> str:
    """As the genuine provider writes it."""
    moment = when or datetime.fromtimestamp(0, timezone.utc)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
