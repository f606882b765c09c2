"""Whatever is stored is shown as text: it runs nothing, leads nowhere, and hides nothing."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from console_data import BIDI, BUCKET, HOSTILE_KEYS, LONG, MARKUP, SCRIPT_KEY

INDEX = f"#/bucket/{BUCKET}/index/hostile"
UNTOUCHED = "document.querySelectorAll('main img, main script, main iframe').length === 0"


@pytest.mark.parametrize("view", ["browse", f"query?key={quote(MARKUP)}&top_k=20", "transfer", ""])
def test_markup_in_keys_and_metadata_is_text(page, console, view):
    """No element is made of it, in any view; the page's own policy would forbid it to run."""
    page.open_console(console.url, f"{INDEX}/{view}".rstrip("/"))
    page.wait("cosine")
    if "?" in view or view == "browse":
        page.waitUntil("document.querySelectorAll('.keycell').length === 9")
        page.evaluate(
            "for (const one of document.querySelectorAll('.textcell, .expand')) one.click()"
        )
        assert page.evaluate("document.body.textContent").count(MARKUP[:20]) > 9

    assert page.evaluate(UNTOUCHED)
    assert "owned" not in page.evaluate("document.title")


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_every_key_has_an_address_of_its_own(page, console, key):
    """Also one that would be a path, a query, a fragment or a script elsewhere."""
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
def test_what_cannot_be_seen_is_named(page, console, text, shown):
    """Emoji and letters of other scripts stay what they are."""
    page.open_console(console.url)
    module = "import('/console/static/text.js')"

    assert page.evaluate(f"{module}.then(t => t.showText({json.dumps(text)}).textContent)") == shown


def test_a_lone_surrogate_is_named(page, console):
    """No service stores one, but its message may have half of a character."""
    page.open_console(console.url)
    module = "import('/console/static/text.js')"

    assert page.evaluate(f"{module}.then(t => t.showText('\\ud83d').textContent)") == "U+D83D"


def test_a_long_text_is_cut_until_somebody_wants_all_of_it(page, console):
    """The page stays small; a button shows the rest."""
    page.open_console(console.url, f"{INDEX}/vector/long")
    page.wait("Show all 35,000 characters")
    assert page.evaluate("document.querySelector('.prose').textContent.length") < 5_000
    page.click("button", "Show all 35,000 characters")
    page.wait("Show less")

    assert page.evaluate("document.querySelector('.prose .text').textContent.length") == len(LONG)


def test_a_text_of_a_megabyte_is_cut_at_once(page, console):
    """Longer than the service stores, as from another endpoint; no half character is left."""
    page.open_console(console.url)
    cut = """import('/console/static/text.js').then(t => {
        const shown = t.showLongText('😀'.repeat(500_000));
        document.querySelector('main').append(shown);
        return [shown.textContent.length, /U\\+D/.test(shown.textContent)]; })"""

    length, is_broken = page.evaluate(cut)

    assert length < 5_000
    assert not is_broken


def test_numbers_keep_their_digits(page, console):
    """JavaScript's own numbers would lose them beyond 2^53."""
    page.open_console(console.url, f"{INDEX}/vector/..")
    page.wait("9223372036854775807")

    assert "9223372036854775807" in page.text("pre[aria-label='As JSON']")


def test_a_link_out_of_the_console_cannot_be_made(page, console):
    """Whatever is stored: the one function that makes elements refuses it."""
    page.open_console(console.url)
    make = f"import('/console/static/dom.js').then(d => d.make('a', {{href: {SCRIPT_KEY!r}}}))"

    assert "a link leads out of the console" in page.evaluate(f"{make}.catch(e => e.message)")
