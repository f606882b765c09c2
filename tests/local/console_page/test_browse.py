"""Browsing vectors: pages, prefix, filter, columns, text, and one address for each vector."""

from __future__ import annotations

import json
from urllib.parse import quote

from support.console.data import BUCKET, MANY, make_vector

MANY_INDEX = f"#/bucket/{BUCKET}/index/many"


def read_keys(page):
    """Return the keys of the displayed rows."""
    return page.texts("tbody .keycell a")


def test_the_reader_can_go_to_the_next_and_the_previous_page(page, console):
    """Each vector is on one page, and the page shows its range."""
    page.open_console(console.url, f"{MANY_INDEX}/browse?size=25")
    page.wait("Page 1: 25 vectors")
    first = read_keys(page)
    page.click("button", "Next")
    page.wait("Page 2: 25 vectors")
    second = read_keys(page)
    page.click("button", "Previous")
    page.wait("Page 1: 25 vectors")

    assert read_keys(page) == first
    assert len({*first, *second}) == 50


def test_an_index_of_one_vector_has_one_page(page, console):
    """There is no next and no previous page."""
    page.open_console(console.url, console.index("one") + "/browse")
    page.wait("Page 1: 1 vector")

    assert read_keys(page) == ["only"]
    assert page.count(".pager button:disabled") == 3


def test_the_address_has_the_prefix_and_the_filter(page, console):
    """Both select together, and the address can be shared."""
    page.open_console(console.url, f"{MANY_INDEX}/browse")
    page.fill("Key begins with", "doc-000")
    page.fill("Filter", '{"kind": "film"}')
    page.click("button", "Show")
    page.wait("33 vectors, 20,000 read for it")
    address = page.evaluate("location.hash")
    page.open_console(console.url, address)
    page.wait("33 vectors, 20,000 read for it")

    assert read_keys(page) == [f"doc-{n:05}" for n in range(1, 100, 3)]


def test_a_click_on_a_value_filters_by_it(page, console):
    """The value is added to the present filter."""
    page.open_console(
        console.url, f"{MANY_INDEX}/browse?filter={quote(json.dumps({'shelf': 's7'}))}"
    )
    page.wait("doc-00007")
    page.click("link", "film")
    page.wait("doc-00007")

    expected = {"$and": [{"shelf": "s7"}, {"kind": "film"}]}
    assert json.loads(page.evaluate("document.getElementById('filter').value")) == expected


def test_the_chosen_columns_are_remembered(page, console):
    """Each index has its own choice."""
    page.open_console(console.url, f"{MANY_INDEX}/browse")
    page.wait("doc-00000")
    page.evaluate("document.querySelector('.menu summary').click()")
    page.wait("Keys in a sample of 1,000 vectors")
    page.evaluate("[...document.querySelectorAll('.choice')].at(-1).click()")
    page.waitUntil("!document.querySelector('thead').textContent.includes('shelf')")
    page.evaluate("location.reload()")
    page.wait("doc-00000")

    assert [title.strip() for title in page.texts("thead th")] == ["Key", "kind", "number", "text"]


def test_a_click_opens_the_text_and_the_raw_metadata(page, console):
    """The next click closes them."""
    vector = make_vector("only", 0)
    page.open_console(console.url, console.index("one") + "/browse")
    page.wait("only")
    page.click("button", "Details of only")

    assert json.loads(page.text(".details pre")) == vector["metadata"]
    page.click("button", "Details of only")
    assert page.count(".details") == 0


def test_a_vector_s_page_shows_its_metadata_size_and_neighbors(page, console):
    """The address contains only its key."""
    page.open_console(console.url, f"{MANY_INDEX}/vector/doc-00007")
    page.wait("The film number 7 tells of rivers.")
    page.wait("Filterable metadata, in bytes")
    page.click("button", "Find the nearest 10")
    page.waitFor(".vectors")

    assert len(read_keys(page)) == 10
    assert "doc-00007" not in read_keys(page)


def test_vectors_are_counted_on_request(page, console):
    """The header and the overview then show the number."""
    page.open_console(console.url, MANY_INDEX)
    page.wait("not counted yet")
    page.click("button", "Count vectors")
    page.wait(f"{MANY:,} vectors")
    page.navigate("#/")
    page.wait("cosine")

    assert page.evaluate("[...document.querySelectorAll('.count')].map(c => c.textContent)") == [
        "–",
        "–",
        "20,000",
        "–",
    ]


def test_back_returns_to_the_previous_search(page, console):
    """Each search is one entry in the history, whatever the spelling of its address."""
    page.open_console(console.url, f"{MANY_INDEX}/browse?size=50&filter=")
    page.wait("Page 1: 50 vectors")
    page.fill("Key begins with", "doc-0000")
    page.press("Enter")
    page.wait("Page 1: 10 vectors")
    page.evaluate("history.back()")
    page.wait("Page 1: 50 vectors")
    page.evaluate("history.forward()")
    page.wait("Page 1: 10 vectors")

    assert page.evaluate("history.length") == 3  # the first entry is the browser's own
