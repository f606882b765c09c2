"""Fixtures of the infrastructure's tests: a CDK stack, and servers for Terraform to call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from support.deployment import terraform
from support.deployment.terraform import Workspace


@pytest.fixture
def stack() -> Any:
    """Return an empty CDK stack without an account and a region."""
    from aws_cdk import App, Stack  # noqa: PLC0415 - it starts Node, which most tests do not need

    return Stack(App(), "Stack")


@pytest.fixture(scope="session")
def _urls() -> Iterator[dict[str, str]]:
    with terraform.run_servers() as urls:
        yield urls


@pytest.fixture
def make_store_workspace(_urls: dict[str, str], tmp_path: Path) -> Callable[..., Workspace]:
    """Return a function that makes a Terraform workspace.

    The tests share the servers, so each names its store differently.
    """

    def make(
        variables: dict[str, Any], part: str = ".", name: str = "store", **options: Any
    ) -> Workspace:
        folder = terraform.make_workspace(tmp_path / name, part, endpoints=_urls, **options)
        return folder.set_variables(variables)

    return make


@pytest.fixture
def create_server_client(_urls: dict[str, str]) -> Callable[[str], Any]:
    """Return a function that creates a boto3 client for the servers that Terraform calls."""

    def create(service: str) -> Any:
        service_url = _urls.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        url = service_url or _urls["AWS_ENDPOINT_URL"]
        return boto3.client(service, region_name=terraform.REGION, endpoint_url=url)

    return create
