"""The console's overview: buckets, indexes, and their configuration."""

from __future__ import annotations

import pytest

from support.console.data import BUCKET


def test_the_overview_lists_every_index_with_its_configuration(page, console):
    """It shows dimension, metric, mode and text search."""
    page.open_console(console.url)
    page.waitUntil("document.querySelectorAll('tbody .chip.good').length === 3")

    rows = dict(row.split("\t", 1) for row in page.texts("tbody tr"))

    assert rows.keys() == {"empty", "hostile", "many", "one"}
    assert [part.strip() for part in rows["many"].split("\t")][:4] == [
        "–",
        "8",
        "cosine",
        "ENHANCED",
    ]


def test_a_bucket_shows_its_tags_encryption_and_policy(page, console):
    """It also shows how close it is to its limit of indexes."""
    page.open_console(console.url, f"#/bucket/{BUCKET}")

    page.wait("No policy")
    page.wait("SSE-S3 (AES256)")
    page.wait("4 of 10,000")
    page.wait("team")


def test_an_unknown_address_is_reported(page, console):
    """The message has a link back."""
    page.open_console(console.url, "#/nowhere/%")

    page.wait("No such page")
    assert page.count("[aria-current]") == 0
    page.click("link", "Go to the overview")
    page.waitFor("#places a[aria-current=page]")
    page.wait("Buckets and indexes")


def test_a_missing_index_is_reported_with_the_service_s_message(page, console):
    """It has the service's code."""
    page.open_console(console.url, console.index("missing"))

    page.wait("NotFoundException")
    page.wait("The specified index could not be found")


@pytest.mark.parametrize(
    "view, words",
    [
        ("", "Data type"),
        ("/browse", "Page 1: 1 vector"),
        ("/query?key=only", "1 result"),
        ("/query?mode=text&text=mountains", "1 result"),
        ("/query?mode=hybrid&key=only&text=mountains", "1 result"),
        ("/map?color=kind", "1 vector"),
        ("/vector/only", "tells of mountains"),
        ("/transfer", "JSON Lines"),
    ],
)
def test_each_view_shows_an_index_of_one_vector(page, console, view, words):
    """No view fails or works forever."""
    page.open_console(console.url, console.index("one") + view)
    page.wait(words)
    page.waitUntil("!document.querySelector('[aria-busy=true], .job')")

    assert page.count(".failure") == 0
