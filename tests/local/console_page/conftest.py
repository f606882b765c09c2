"""One Chromium and one server for all tests of the console's page."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from console_data import BUCKET, fill_engine
from console_page import run_browser
from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions


@pytest.fixture(scope="session")
def chromium():
    """A browser."""
    with run_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium):
    """A page on which nothing may go wrong: no error, no dialog, no request to another host."""
    yield chromium
    assert chromium.faults() == []


@pytest.fixture(scope="session")
def console():
    """A server whose console only reads: its `url`, and `index(name)`, the address of an index."""
    with Engine() as engine:
        fill_engine(engine)
        with serving(engine, console=ConsoleOptions()) as url:
            yield SimpleNamespace(
                url=url, engine=engine, index=lambda name: f"#/bucket/{BUCKET}/index/{name}"
            )
