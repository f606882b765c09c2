"""Accessibility of the console: with the keyboard alone, at any width, at 200 %, in any colors."""

from __future__ import annotations

from contextlib import closing

import pytest

from support.console.data import BUCKET
from support.endpoints import create_client

INDEX = f"#/bucket/{BUCKET}/index/many"
VIEWS = {
    "overview": ("#/", "Count vectors"),
    "bucket": (f"#/bucket/{BUCKET}", "No policy"),
    "index": (INDEX, "Data type"),
    "browse": (f"{INDEX}/browse?size=25", "doc-00000"),
    "vector": (f"{INDEX}/vector/doc-00007", "Filterable metadata, in bytes"),
    "query": (f"{INDEX}/query?key=doc-00007", "10 results"),
    "map": (f"{INDEX}/map?color=kind&limit=500", "Principal components"),
    "transfer": (f"{INDEX}/transfer", "JSON Lines"),
    "requests": ("#/requests", "ListVectorBuckets"),
}
SIZES = {"narrow": (360, 640), "zoomed": (640, 400), "wide": (2560, 1440)}
"""A phone, 1,280 by 800 at 200 %, and a large screen."""


def show(page, console, view, **options):
    address, text = VIEWS[view]
    if view == "requests":
        with closing(create_client(endpoint_url=console.url)) as client:
            client.list_vector_buckets()
    page.open_console(console.url, address, **options)
    page.wait(text)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_fits_every_width(page, console, view):
    """No view scrolls sideways, neither on a phone nor at 200 %."""
    show(page, console, view)
    for size in SIZES.values():
        page.resize(*size)
        page.evaluate("new Promise(requestAnimationFrame)")

        assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_follows_the_guidelines(page, console, view):
    """WCAG 2.2 as axe checks it, in both color schemes: names, labels, headings and contrast."""
    show(page, console, view)
    for scheme in ("light", "dark"):
        page.scheme(scheme)

        assert page.audit() == []


def tab_to(page, name):
    """Press Tab until the element with this name has the focus."""
    for _ in range(80):
        page.press("Tab")
        focused = page.evaluate(
            "(document.activeElement.ariaLabel ?? document.activeElement.labels?.[0]?.innerText"
            " ?? document.activeElement.innerText).trim()"
        )
        if focused == name:
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_a_query_works_with_the_keyboard_alone(page, console):
    """Skip link, index, query, explanation and map can be reached and used."""
    show(page, console, "overview")
    page.wait("cosine")
    tab_to(page, "Skip to the content")
    page.press("Enter")
    tab_to(page, "many")
    page.press("Enter")
    page.wait("Data type")
    tab_to(page, "Query")
    page.press("Enter")
    page.wait("Nearest to")
    tab_to(page, "Key of a stored vector")
    page.type("doc-00042")
    page.press("Enter")
    page.wait("10 results")
    tab_to(page, "Key that you expect")
    page.type("doc-00043")
    page.press("Enter")
    page.waitFor(".verdict")
    page.navigate(f"{INDEX}/map?limit=500")
    page.wait("Principal components")
    tab_to(page, "Map of 500 vectors")
    page.press("ArrowRight")
    page.press("Enter")

    page.wait("Nearest neighbors")


HOLD_DESCRIPTIONS = """(() => {
  const send = window.fetch;
  const held = new Promise((release) => { window.release = release; });
  window.fetch = async (path, options) => {
    const response = await send(path, options);
    if (path.endsWith("/GetIndex")) await held;
    return response;
  };
})()"""
"""Hold the responses about an index until `release()` is called."""


@pytest.mark.parametrize("bucket, details", [(BUCKET, "cosine"), ("none", "NotFoundException")])
def test_an_index_keeps_the_focus_while_its_details_arrive(page, console, bucket, details):
    """When the details or a failure arrive, Enter still opens the index."""
    show(page, console, "requests")
    page.evaluate(HOLD_DESCRIPTIONS)
    if bucket != BUCKET:
        page.evaluate(
            "(() => { const send = window.fetch; window.fetch = (path, options) => send(path,"
            " path.endsWith('/GetIndex') ? { ...options, body: options.body.replace("
            f"'{BUCKET}', '{bucket}') }} : options); }})()"
        )
    page.navigate("#/")
    page.waitFor("tr[data-index=many]")
    page.evaluate("document.querySelector('tr[data-index=many] a').focus()")

    page.evaluate("release()")

    page.waitUntil(f"document.querySelector('tr[data-index=many]').innerText.includes('{details}')")
    assert page.evaluate("document.activeElement.innerText") == "many"


def test_a_new_view_moves_the_focus_to_its_content(page, console):
    """So a screen reader does not begin at the top again."""
    show(page, console, "overview")
    page.navigate(INDEX)
    page.wait("Data type")

    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("document.title") == f"many · {BUCKET} · S3 Vectors console".replace(
        "many", "index · many"
    )


def test_a_live_region_announces_what_happened(page, console):
    """The result of a query is an example."""
    show(page, console, "query")

    page.waitUntil("/^10 results in /.test(document.getElementById('status').textContent)")
    assert page.evaluate("document.getElementById('status').ariaLive") == "polite"


@pytest.mark.parametrize("reduced_motion", [True, False])
def test_nothing_moves_with_reduced_motion(page, console, reduced_motion):
    """The page has only color transitions, and `prefers-reduced-motion` removes them."""
    show(page, console, "overview", reduced_motion=reduced_motion)

    moving = page.evaluate("getComputedStyle(document.querySelector('button')).transitionDuration")
    assert (moving == "0s") is reduced_motion


def test_a_selection_is_visible_in_forced_colors(page, console):
    """An outline marks it, because forced colors remove backgrounds."""
    show(page, console, "index", forced_colors=True)

    tab = "getComputedStyle(document.querySelector('.tabs a[aria-current]')).outlineStyle"
    assert page.evaluate(tab) == "solid"
