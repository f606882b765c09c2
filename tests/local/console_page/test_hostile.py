"""Stored data is shown as text: it runs no script, is no link, and hides nothing."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.data import (
    BIDI,
    BUCKET,
    HOSTILE_KEYS,
    LONG,
    MARKUP,
    SCRIPT_KEY,
    create_index,
    make_vector,
    put_vectors,
)

INDEX = f"#/bucket/{BUCKET}/index/hostile"
UNTOUCHED = "document.querySelectorAll('main img, main script, main iframe').length === 0"


NO_MATCH = quote(json.dumps({"kind": "x"}))
VIEWS = {
    "browse": ".keycell",
    f"query?key={quote(MARKUP)}&top_k=20": ".keycell",
    f"query?key={quote(MARKUP)}&target={quote(MARKUP)}&filter={NO_MATCH}": ".empty",
    "map?color=kind": ".legend .entry",
    f"map?color=kind&key={quote(MARKUP)}": ".neighbors li",
    f"vector/{quote(MARKUP, safe='')}": ".prose",
    "transfer": ".toolbar",
    "": ".columns",
}
"""A text that each view shows once it is complete."""


@pytest.mark.parametrize("view", VIEWS)
def test_markup_in_keys_and_metadata_is_shown_as_text(page, console, view):
    """No view makes an element of it, and the page's policy would forbid it to run."""
    page.open_console(console.url, f"{INDEX}/{view}".rstrip("/"))
    page.waitFor(VIEWS[view])
    page.evaluate("document.querySelectorAll('.textcell, .expand').forEach(one => one.click())")
    if view not in ("", "transfer") and "target" not in view:
        assert MARKUP[:20] in page.evaluate("document.querySelector('main').textContent")

    assert page.evaluate(UNTOUCHED)
    assert page.evaluate("document.title") != "owned"


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_each_key_has_its_own_address(page, console, key):
    """A key may look like a path, a query, a fragment or a script."""
    links = "[...document.querySelectorAll('.keycell a')]"
    is_its = f"decodeURIComponent(a.hash.split('/vector/')[1]) === {json.dumps(key)}"
    page.open_console(console.url, f"{INDEX}/browse")
    page.waitUntil(f"{links}.length === 9")
    page.evaluate(f"{links}.find(a => {is_its}).click()")
    page.wait("Filterable metadata, in bytes")
    page.evaluate("location.reload()")
    page.wait("Filterable metadata, in bytes")
    page.click("button", "Copy key")
    page.wait("Copied key")

    assert page.evaluate("navigator.clipboard.readText()") == key
    assert page.evaluate(UNTOUCHED)


@pytest.mark.parametrize(
    "text, shown",
    [
        (BIDI, "U+202Ecod.exe"),
        ("a\u200bb\u2060\ufeff", "aU+200BbU+2060U+FEFF"),
        ("\x00\x1b[31m\x7f\x9b", "U+0000U+001B[31mU+007FU+009B"),
        ("\u2066\u2069\u061c\u200f", "U+2066U+2069U+061CU+200F"),
        ("a\u00a0b\u3000", "aU+00A0bU+3000"),
        ("\U000e0041\ufff9", "U+E0041U+FFF9"),
        ("a\nb", "a ↵ b"),
        ("👩\u200d🔬 ❤\ufe0f שלום", "👩\u200d🔬 ❤\ufe0f שלום"),
        ("x\u200dy\ufe0f", "xU+200DyU+FE0F"),
    ],
    ids=["bidi", "zero width", "control", "isolates", "spaces", "tags", "line", "emoji", "joiner"],
)
def test_invisible_characters_are_named(page, console, text, shown):
    """Emoji and letters of other scripts are shown unchanged."""
    page.open_console(console.url)
    module = "import('/console/static/text.js')"

    assert page.evaluate(f"{module}.then(t => t.showText({json.dumps(text)}).textContent)") == shown


def test_a_lone_surrogate_is_named(page, console):
    """No service stores one, but its message may contain half of a character."""
    page.open_console(console.url)
    module = "import('/console/static/text.js')"

    assert page.evaluate(f"{module}.then(t => t.showText('\\ud83d').textContent)") == "U+D83D"


def test_a_long_text_is_shortened_until_the_reader_expands_it(page, console):
    """So the page stays small."""
    page.open_console(console.url, f"{INDEX}/vector/long")
    page.wait("Show all 35,000 characters")
    assert page.evaluate("document.querySelector('.prose').textContent.length") < 5_000
    page.click("button", "Show all 35,000 characters")
    page.wait("Show less")

    assert page.evaluate("document.querySelector('.prose .text').textContent.length") == len(LONG)


def test_a_text_of_a_megabyte_is_shortened(page, console):
    """Another endpoint may store so much. No character is cut in half."""
    page.open_console(console.url)
    cut = """import('/console/static/text.js').then(t => {
        const shown = t.showLongText('😀'.repeat(500_000));
        document.querySelector('main').append(shown);
        return [shown.textContent.length, /U\\+D/.test(shown.textContent)]; })"""

    length, is_broken = page.evaluate(cut)

    assert length < 5_000
    assert not is_broken


def test_numbers_keep_their_digits(page, console):
    """JavaScript's numbers lose digits beyond 2^53."""
    page.open_console(console.url, f"{INDEX}/vector/..")
    page.wait("9223372036854775807")

    assert "9223372036854775807" in page.text("pre[aria-label='As JSON']")


def test_a_link_to_another_host_cannot_be_created(page, console):
    """The one function that creates elements refuses it."""
    page.open_console(console.url)
    make = f"import('/console/static/dom.js').then(d => d.make('a', {{href: {SCRIPT_KEY!r}}}))"

    assert "a link leads out of the console" in page.evaluate(f"{make}.catch(e => e.message)")


def test_a_bucket_policy_is_shown_as_text(page):
    """Anybody may have written its statements."""
    statement = {"Sid": MARKUP, "Effect": "Allow", "Principal": {"AWS": "123456789012"}}
    statement |= {"Action": "s3vectors:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with Engine() as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        engine.call("PutVectorBucketPolicy", {"vectorBucketName": BUCKET, "policy": policy})
        with serving(engine, console=ConsoleOptions()) as url:
            page.open_console(url, f"#/bucket/{BUCKET}")
            page.wait("<img src=x onerror=")

            assert page.evaluate(UNTOUCHED)


def test_metadata_keys_that_every_object_has_are_read_from_the_vector(page):
    """A key like `constructor` or `__proto__` is shown only if the vector has it."""
    metadata = {"constructor": "mine", "__proto__": "own", "toString": "text"}
    with Engine() as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        names = create_index(engine, "objects")
        put_vectors(
            engine, names, [{**make_vector("a", 0), "metadata": metadata}, make_vector("b", 1)]
        )
        with serving(engine, console=ConsoleOptions()) as url:
            page.open_console(url, f"#/bucket/{BUCKET}/index/objects/browse")
            page.wait("Page 1: 2 vectors")

            rows = [[cell.strip() for cell in row.split("\t")] for row in page.texts("tbody tr")]
            titles = [title.strip() for title in page.texts("thead th")]
            assert titles == ["Key", "constructor", "__proto__", "toString", "text"]
            assert [row[1:4] for row in rows] == [["mine", "own", "text"], ["–", "–", "–"]]
