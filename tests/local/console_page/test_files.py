"""The files of the page: few, small, and allowed by a strict content security policy."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STATIC = files("s3vectors_local.console") / "static"
FILES = sorted(STATIC.iterdir(), key=lambda file: file.name)
SCRIPTS = [file for file in FILES if file.name.endswith(".js")]

MOST_BYTES = 150 * 1024
MOST_LINES = 300


def test_all_files_together_are_small():
    """So the page loads quickly without a build step."""
    assert sum(len(file.read_bytes()) for file in FILES) < MOST_BYTES


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_a_script_creates_text_and_never_html(script):
    """It does not turn a text into HTML or code, and contacts no other host."""
    source = script.read_text()

    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function"
    assert re.findall(ways, source) == []
    assert re.findall(r"setAttribute\('style'|https?://(?!docs\.aws)", source) == []
    assert len(source.splitlines()) <= MOST_LINES


def test_the_html_has_no_inline_script_or_style():
    """They are in files, which the policy `default-src 'self'` allows."""
    html = (STATIC / "index.html").read_text()

    assert re.findall(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", html) == []
    assert all(path.startswith("/console/static/") for path in re.findall(r'src="([^"]*)"', html))


def compute_contrast(one, other):
    """Compute the contrast of two colors as in WCAG 2."""

    def compute_luminance(color):
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((compute_luminance(one), compute_luminance(other)))
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *[
        (ink, background)
        for ink in ("ink", "soft", "accent")
        for background in ("ground", "surface")
    ],
    *[("ink", tint) for tint in ("raised", "tint", "good-tint", "warn-tint", "bad-tint")],
    *[(name, f"{name}-tint") for name in ("good", "warn", "bad")],
    *[(name, "surface") for name in ("good", "warn", "bad")],
    ("soft", "raised"),
    ("accent", "tint"),
    ("on-accent", "accent"),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink, background", PAIRS)
def test_text_has_enough_contrast(scheme, ink, background):
    """WCAG's level AA, in both color schemes."""
    css = (STATIC / "console.css").read_text()
    colors = dict(re.findall(r"--([\w-]+): (#\w{6});", css.split("prefers-color-scheme")[scheme]))

    assert compute_contrast(colors[ink], colors[background]) >= 4.5
