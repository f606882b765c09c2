"""Fixtures of the provider's tests."""

from __future__ import annotations

from functools import partial

import pytest

import s3vectors_local
from s3vectors_local import Choices, Engine
from support import command_line_flags
from support.endpoints import OTHER


def choose(monkeypatch, choices):
    """Let every engine in this process make these choices."""
    create_engine = partial(Engine, choices=choices)
    monkeypatch.setattr(s3vectors_local, "Engine", create_engine, raising=False)


@pytest.fixture(autouse=True)
def _choices(monkeypatch):
    """Apply --other-choices in this process; `endpoints` applies it to servers."""
    if command_line_flags.OTHER_CHOICES:
        choose(monkeypatch, OTHER)


@pytest.fixture(params=[Choices(), OTHER], ids=["plain choices", "other choices"])
def every_choice(request, monkeypatch):
    """Let the engine behave first one way, then the other, where AWS documents neither."""
    choose(monkeypatch, request.param)
