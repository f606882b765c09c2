"""Changing an index in write mode: only after a confirmation."""

from __future__ import annotations

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.data import BUCKET, create_index, make_vector, put_vectors

NAMES = {"vectorBucketName": BUCKET, "indexName": "changing"}
INDEX = f"#/bucket/{BUCKET}/index/changing"


@pytest.fixture
def engine():
    """Return an engine with five vectors."""
    with Engine() as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        names = create_index(engine, "changing")
        put_vectors(engine, names, [make_vector(f"k{number}", number) for number in range(5)])
        yield engine


@pytest.fixture
def url(engine):
    """Serve the engine with a console in write mode."""
    with serving(engine, console=ConsoleOptions(write=True)) as url:
        yield url


def list_keys(engine):
    return sorted(vector["key"] for vector in engine.call("ListVectors", NAMES)["vectors"])


def test_selected_vectors_are_deleted_after_a_confirmation(page, engine, url):
    """No others are deleted."""
    page.open_console(url, f"{INDEX}/browse")
    page.check("Select k1")
    page.check("Select k3")
    page.click("button", "Delete 2 selected")
    page.wait("This cannot be undone.")
    assert list_keys(engine) == ["k0", "k1", "k2", "k3", "k4"]
    page.click("button", "Delete these 2 vectors")
    page.wait("Page 1: 3 vectors")

    assert list_keys(engine) == ["k0", "k2", "k4"]


def test_a_choice_of_columns_keeps_the_selection(page, engine, url):
    """The boxes and the button are about the same vectors."""
    page.open_console(url, f"{INDEX}/browse")
    page.check("Select k1")
    page.evaluate("document.querySelector('.menu summary').click()")
    page.waitFor(".choice")
    page.evaluate("document.querySelector('.choice input').click()")
    page.click("button", "Delete 1 selected")
    page.click("button", "Delete this vector")
    page.wait("Page 1: 4 vectors")

    assert list_keys(engine) == ["k0", "k2", "k3", "k4"]


def test_closing_the_dialog_deletes_nothing(page, engine, url):
    """Escape closes it, like any dialog."""
    page.open_console(url, f"{INDEX}/vector/k1")
    page.click("button", "Delete")
    page.waitFor("dialog")
    page.press("Escape")
    page.waitUntil("document.querySelector('dialog') === null")

    assert "k1" in list_keys(engine)


def test_a_vector_can_be_deleted_on_its_own_page(page, engine, url):
    """The browser then shows the other vectors."""
    page.open_console(url, f"{INDEX}/vector/k1")
    page.click("button", "Delete")
    page.click("button", "Delete this vector")
    page.wait("Page 1: 4 vectors")

    assert "k1" not in list_keys(engine)


def test_an_index_is_deleted_only_after_its_name_is_typed(page, engine, url):
    """Before that, the button is disabled. Afterwards, no view shows the index."""
    page.open_console(url, INDEX)
    page.click("button", "Delete the index …")
    page.fill("Name of the index", "changin")
    assert page.count("dialog button:disabled") == 1
    page.fill("Name of the index", "changing")
    page.click("button", "Delete the index and its vectors")
    page.wait("This bucket has no indexes.")

    assert engine.call("ListIndexes", {"vectorBucketName": BUCKET})["indexes"] == []
    assert page.count("[data-index='changing']") == 0


def test_the_dialog_shows_an_error_of_the_service(page, engine, url):
    """Somebody else may have deleted the index."""
    page.open_console(url, f"{INDEX}/vector/k1")
    page.click("button", "Delete")
    engine.call("DeleteIndex", NAMES)
    page.click("button", "Delete this vector")

    page.waitFor("dialog .failure")
    assert "The specified index could not be found" in page.text("dialog .failure")


@pytest.mark.parametrize("view", ["", "/browse", "/vector/only", "/transfer"])
def test_a_read_only_console_offers_no_change(page, console, view):
    """It has no button, no box to select, and no place to drop a file."""
    page.open_console(console.url, console.index("one") + view)
    page.wait("cosine")
    page.waitUntil("!document.querySelector('[aria-busy=true], .job')")

    assert page.count("button.danger, .drop, tbody input") == 0
