"""What takes long shows how far it is, and can be stopped."""

from __future__ import annotations

import threading

import pytest

from console_data import BUCKET, create_index, make_vector, put
from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.streams import Streams

INDEX = f"#/bucket/{BUCKET}/index/slow"


class SlowEngine(Engine):
    """An engine that lists a page only when it is let."""

    def __init__(self):
        super().__init__()
        self.pages = threading.Semaphore(0)
        self.listed = 0

    def call(self, operation, *arguments):
        """As the engine does, but later."""
        if operation == "ListVectors":
            assert self.pages.acquire(timeout=60)
            self.listed += 1
        return super().call(operation, *arguments)


@pytest.fixture
def engine():
    """Such an engine, with three pages of vectors."""
    with SlowEngine() as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        names = create_index(engine, "slow")
        put(engine, names, [make_vector(f"k{number}", number) for number in range(2500)])
        yield engine
        engine.pages.release(100)


@pytest.fixture
def url(engine):
    """Its server."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url
        engine.pages.release(100)


@pytest.fixture
def disconnected(monkeypatch):
    """Set once the server knows that the client of a job has left: the page says so before."""
    event, send_job = threading.Event(), Streams.send_job

    async def observe(streams, steps, receive, send, turn):
        async def receive_disconnect():
            message = await receive()
            event.set()
            return message

        await send_job(streams, steps, receive_disconnect, send, turn)

    monkeypatch.setattr(Streams, "send_job", observe)
    return event


def test_a_count_says_how_far_it_is_and_then_how_many_there_are(page, engine, url):
    """Page by page."""
    page.open_console(url, INDEX)
    page.click("button", "Count vectors")
    page.waitFor(".job progress")
    engine.pages.release()
    page.wait("Counting vectors (counting): 1,000")
    engine.pages.release(2)

    page.wait("2,500 vectors")
    assert page.count(".job") == 0


def test_a_count_can_be_stopped_and_begun_again(page, engine, disconnected, url):
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
    assert engine.listed <= 1 + 1 + 3  # the page that was being read ends


def test_whoever_leaves_a_view_stops_its_work(page, engine, url):
    """Nothing of it appears on the next."""
    page.open_console(url, f"{INDEX}/browse")
    page.waitFor(".job progress")
    page.click("link", "Query")
    page.wait("Nearest to")
    engine.pages.release(10)
    page.evaluate("new Promise(requestAnimationFrame)")

    assert page.count(".vectors, .job") == 0


def test_a_new_search_ends_the_one_before(page, engine, url):
    """The last one is what is shown, whatever is answered last."""
    page.open_console(url, f"{INDEX}/browse")
    page.waitFor(".job progress")
    page.fill("Key begins with", "k24")
    page.press("Enter")
    page.waitFor(".job progress")
    engine.pages.release(20)
    page.wait("Page 1: 50 vectors")

    assert all(key.startswith("k24") for key in page.texts(".keycell a"))
