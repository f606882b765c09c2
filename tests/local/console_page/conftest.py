"""One Chromium and one server for all tests of the console's page."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.data import BUCKET, fill_engine
from support.console.page import run_browser


@pytest.fixture(scope="session")
def chromium():
    """Start a browser."""
    with run_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium):
    """Open a page that fails the test on any error, dialog or request to another host."""
    yield chromium
    assert chromium.faults() == []


@pytest.fixture(scope="session")
def console():
    """Serve a read-only console; it has a `url`, and `index(name)` is the address of an index."""
    with Engine() as engine:
        fill_engine(engine)
        with serving(engine, console=ConsoleOptions()) as url:
            yield SimpleNamespace(
                url=url, engine=engine, index=lambda name: f"#/bucket/{BUCKET}/index/{name}"
            )
