"""What the infrastructure's tests get: servers for Terraform to call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import terraform
from terraform import Workspace


@pytest.fixture
def stack() -> Any:
    """An empty stack of the CDK, of no account and region in particular."""
    from aws_cdk import App, Stack  # noqa: PLC0415 - it starts Node, which most tests do without

    return Stack(App(), "Stack")


@pytest.fixture(scope="session")
def _urls() -> Iterator[dict[str, str]]:
    with terraform.run_servers() as urls:
        yield urls


@pytest.fixture
def make_store_workspace(_urls: dict[str, str], tmp_path: Path) -> Callable[..., Workspace]:
    """Make a folder to deploy from; tests name their stores differently, to share servers."""

    def make(
        variables: dict[str, Any], part: str = ".", name: str = "store", **options: Any
    ) -> Workspace:
        folder = terraform.make_workspace(tmp_path / name, part, endpoints=_urls, **options)
        return folder.set_variables(variables)

    return make


@pytest.fixture
def create_server_client(_urls: dict[str, str]) -> Callable[[str], Any]:
    """Make a boto3 client of what Terraform has called."""

    def create(service: str) -> Any:
        own = _urls.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        url = own or _urls["AWS_ENDPOINT_URL"]
        return boto3.client(service, region_name=terraform.REGION, endpoint_url=url)

    return create
