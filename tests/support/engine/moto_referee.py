"""A pytest plugin that runs moto's own tests of S3 Vectors against the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.core.config import default_user_config

from s3vectors_local import Engine, connect_all

# moto passes these requests through. Without an engine, they would leave this machine, and so fail
default_user_config["core"]["passthrough"]["services"].append("s3vectors")


@pytest.fixture(autouse=True)
def _engine() -> Iterator[None]:
    """Give each test an empty engine."""
    with Engine() as engine, connect_all(engine):
        yield
