"""A pytest plugin for moto's own tests of S3 Vectors: the engine answers them, not moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.core.config import default_user_config

from s3vectors_local import Engine, connect_all

# moto leaves these requests alone: what no engine answers fails, for it would leave this machine
default_user_config["core"]["passthrough"]["services"].append("s3vectors")


@pytest.fixture(autouse=True)
def _engine() -> Iterator[None]:
    """Give each test an empty engine."""
    with Engine() as engine, connect_all(engine):
        yield
