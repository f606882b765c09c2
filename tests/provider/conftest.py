"""What the provider's tests share."""

from __future__ import annotations

from functools import partial

import pytest

import asked
import s3vectors_local
from s3vectors_local import Choices, Engine

OTHER = Choices("no-match", "any-element", "squared", "single", "refused", "words")


def choose(monkeypatch, choices):
    """Let every engine in process behave so."""
    create_engine = partial(Engine, choices=choices)
    monkeypatch.setattr(s3vectors_local, "Engine", create_engine, raising=False)


@pytest.fixture(autouse=True)
def _choices(monkeypatch):
    """As --other-choices says, in process; `far_ends` sees to those behind HTTP."""
    if asked.OTHER_CHOICES:
        choose(monkeypatch, OTHER)


@pytest.fixture(params=[Choices(), OTHER], ids=["plain choices", "other choices"])
def every_choice(request, monkeypatch):
    """The engine behaves in one way, then in the other, where AWS's is not documented."""
    choose(monkeypatch, request.param)
