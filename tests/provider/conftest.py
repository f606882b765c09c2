"""What the provider's tests share."""

from __future__ import annotations

from functools import partial

import pytest

import s3vectors_local
from s3vectors_local import Choices, Engine


@pytest.fixture(
    params=[Choices(), Choices("no-match", "any-element", "squared")],
    ids=["plain choices", "other choices"],
)
def every_choice(request, monkeypatch):
    """The engine behaves in one way, then in the other, where AWS's is not documented."""
    monkeypatch.setattr(
        s3vectors_local, "Engine", partial(Engine, choices=request.param), raising=False
    )
