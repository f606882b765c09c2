"""The console's overview: buckets, indexes, and what they are made for."""

from __future__ import annotations

import pytest

from console_data import BUCKET


def test_the_overview_lists_every_index_with_what_it_is_made_for(page, console):
    """Dimension, metric, mode and text search, of each."""
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


def test_a_bucket_shows_its_tags_encryption_and_that_it_has_no_policy(page, console):
    """And how near it is to its limit of indexes."""
    page.open_console(console.url, f"#/bucket/{BUCKET}")

    page.wait("No policy")
    page.wait("SSE-S3 (AES256)")
    page.wait("4 of 10,000")
    page.wait("team")


def test_an_address_that_names_nothing_says_so(page, console):
    """And leads back."""
    page.open_console(console.url, "#/nowhere/%")

    page.wait("No such page")
    assert page.count("[aria-current]") == 0
    page.click("link", "To the overview")
    page.waitFor("#places a[aria-current=page]")
    page.wait("Buckets and indexes")


def test_an_index_that_does_not_exist_is_told_in_the_words_of_the_service(page, console):
    """With its code."""
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
    """Without a failure and without work that never ends."""
    page.open_console(console.url, console.index("one") + view)
    page.wait(words)
    page.waitUntil("!document.querySelector('[aria-busy=true], .job')")

    assert page.count(".failure") == 0
