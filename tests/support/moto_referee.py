"""A pytest plugin for moto's own tests of S3 Vectors: the engine answers them, not moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from boto3.session import Session
from moto.core.config import default_user_config

from model import referee
from s3vectors_local import Engine, connect

# moto leaves these requests alone: what no engine answers fails, for it would leave this machine
default_user_config["core"]["passthrough"]["services"].append("s3vectors")


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test an empty engine."""
    with Engine() as engine:
        connect_every_client(engine, monkeypatch)
        yield


def connect_every_client(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine answer every `s3vectors` client that boto3 makes from now on."""
    make_client = Session.client

    def client(session: Session, service_name: Any, *arguments: Any, **options: Any) -> Any:
        made = make_client(session, service_name, *arguments, **options)
        return connect(referee(made), engine) if service_name == "s3vectors" else made

    monkeypatch.setattr(Session, "client", client)
