"""Fixtures for pytest, which finds them when the package is installed.

    def test_mine(s3vectors_client):
        s3vectors_client.create_vector_bucket(vectorBucketName="my-bucket")

Nothing is imported before a test uses a fixture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .engine import Engine


@pytest.fixture
def s3vectors_engine() -> Iterator[Engine]:
    """An empty engine in memory; override the fixture to set a directory, policies or limits."""
    from .engine import Engine  # noqa: PLC0415 - numpy is heavy

    with closing(Engine()) as engine:
        yield engine


@pytest.fixture
def s3vectors_client(s3vectors_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A boto3 client connected to `s3vectors_engine`, with dummy credentials.

    AWS profiles and environment variables are not used.
    """
    try:
        import boto3  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "boto3":
            raise
        pytest.fail("s3vectors_client needs boto3: pip install 'boto3>=1.44.4'")

    from .inprocess import connect  # noqa: PLC0415 - numpy is heavy

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    client = boto3.session.Session().client(
        "s3vectors",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - a dummy
    )
    return connect(client, s3vectors_engine)


@pytest.fixture
def s3vectors_all_clients(s3vectors_engine: Engine) -> Iterator[Engine]:
    """`s3vectors_engine`, connected to all boto3 `s3vectors` clients of the process.

    This includes clients created before and in the test; other services are not affected.
    """
    from .all_clients import connect_all  # noqa: PLC0415 - numpy is heavy

    try:
        # Only to know whether it is installed: it is an extra
        import botocore  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, PLC0415 - see above
    except ModuleNotFoundError:
        pytest.fail("s3vectors_all_clients needs boto3: pip install 'boto3>=1.44.4'")

    with connect_all(s3vectors_engine) as engine:
        yield engine


@pytest.fixture
def s3vectors_server(s3vectors_engine: Engine) -> Iterator[str]:
    """The URL of an HTTP server of `s3vectors_engine` on this machine."""
    from .server import serving  # noqa: PLC0415 - a web server is heavy

    with serving(s3vectors_engine) as url:
        yield url
