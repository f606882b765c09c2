"""Long work shows its progress, and can be stopped."""

from __future__ import annotations

import threading

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.streams import Streams
from support.console.data import BUCKET, create_index, make_vector, put_vectors

INDEX = f"#/bucket/{BUCKET}/index/slow"


class SlowEngine(Engine):
    """An engine that lists each page only when the test allows it."""

    def __init__(self):
        super().__init__()
        self.pages = threading.Semaphore(0)
        self.listed = 0

    def call(self, operation, *arguments):
        """Call the engine, but wait for permission to list a page."""
        if operation == "ListVectors":
            assert self.pages.acquire(timeout=60)
            self.listed += 1
        return super().call(operation, *arguments)


@pytest.fixture
def engine():
    """Return a slow engine with three pages of vectors."""
    with SlowEngine() as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        names = create_index(engine, "slow")
        put_vectors(engine, names, [make_vector(f"k{number}", number) for number in range(2500)])
        yield engine
        engine.pages.release(100)


@pytest.fixture
def url(engine):
    """Serve the engine."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url
        engine.pages.release(100)


@pytest.fixture
def disconnected(monkeypatch):
    """Return an event that is set when the server sees that the client of a job has left."""
    event, send_job = threading.Event(), Streams.send_job

    async def observe(streams, steps, receive, send, turn):
        async def receive_disconnect():
            message = await receive()
            event.set()
            return message

        await send_job(streams, steps, receive_disconnect, send, turn)

    monkeypatch.setattr(Streams, "send_job", observe)
    return event


def test_a_count_shows_its_progress_and_then_the_number(page, engine, url):
    """The progress changes with each page."""
    page.open_console(url, INDEX)
    page.click("button", "Count vectors")
    page.waitFor(".job progress")
    engine.pages.release()
    page.wait("Counting vectors (counting): 1,000")
    engine.pages.release(2)

    page.wait("2,500 vectors")
    assert page.count(".job") == 0


def test_a_count_can_be_stopped_and_restarted(page, engine, disconnected, url):
    """The server reads no further page."""
    page.open_console(url, INDEX)
    page.click("button", "Count vectors")
    page.waitFor(".job progress")
    engine.pages.release()
    page.wait("Counting vectors (counting): 1,000")
    page.click("button", "Stop")
    page.wait("Stopped: Counting vectors")
    assert disconnected.wait(60)
    engine.pages.release(10)
    page.click("button", "Count vectors")

    page.wait("2,500 vectors")
    assert engine.listed <= 1 + 1 + 3  # the page that is being read is completed


def test_leaving_a_view_stops_its_work(page, engine, url):
    """The next view shows none of its results."""
    page.open_console(url, f"{INDEX}/browse")
    page.waitFor(".job progress")
    page.click("link", "Query")
    page.wait("Nearest to")
    engine.pages.release(10)
    page.evaluate("new Promise(requestAnimationFrame)")

    assert page.count(".vectors, .job") == 0


def test_a_new_search_ends_the_previous_one(page, engine, url):
    """The page shows the last search, whichever response arrives last."""
    page.open_console(url, f"{INDEX}/browse")
    page.waitFor(".job progress")
    page.fill("Key begins with", "k24")
    page.press("Enter")
    page.waitFor(".job progress")
    engine.pages.release(20)
    page.wait("Page 1: 50 vectors")

    assert all(key.startswith("k24") for key in page.texts(".keycell a"))
