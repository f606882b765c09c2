"""The map: points where numpy puts them, a legend, a point's row, and highlighted results."""

from __future__ import annotations

import numpy as np
import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.service import EngineService
from support.console.data import BUCKET, MANY, create_index, make_vector, put_vectors

INDEX = f"#/bucket/{BUCKET}/index/many"
ENGINE = "document.querySelector('canvas').getContext('2d')"
INK = f"""(() => {{ const c = document.querySelector('.canvas canvas');
    const d = {ENGINE}.getImageData(0, 0, c.width, c.height).data;
    const colors = new Set();
    for (let i = 0; i < d.length; i += 4)
        if (d[i + 3] > 180) colors.add([d[i] >> 4, d[i + 1] >> 4, d[i + 2] >> 4].join());
    return colors.size; }})()"""
"""The approximate number of painted colors."""


def open_map(page, console, parameters=""):
    page.open_console(console.url, f"{INDEX}/map{parameters}")
    page.wait("Principal components")
    page.waitUntil(f"document.querySelector('.canvas canvas').width > 0 && {INK} > 0")


def read_rows(page):
    """Read the rows of the map's table: key, horizontal, vertical."""
    page.evaluate("document.querySelector('details.panel summary').click()")
    page.waitFor("details.panel tbody tr")
    return [
        [cell.strip() for cell in row.split("\t")] for row in page.texts("details.panel tbody tr")
    ]


def test_the_points_are_the_principal_components(page, console):
    """They equal numpy's SVD, except for the sign. The share of the variance is shown."""
    open_map(page, console)
    rows = read_rows(page)

    keys = [row[0] for row in rows]
    displayed = np.array([[float(number) for number in row[1:3]] for row in rows])
    sample = [f"doc-{n * MANY // 5000:05}" for n in range(5000)]
    data = np.array([make_vector(k, int(k[4:]))["data"]["float32"] for k in sample])
    centered = data - data.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centered, full_matrices=False)
    points = centered[:100] @ axes[:2].T
    share = lengths[:2] ** 2 / (lengths**2).sum() * 100
    assert keys == sample[:100]
    assert np.allclose(np.abs(points), np.abs(displayed), rtol=1e-4, atol=1e-6)
    assert f"the horizontal one has {share[0]:.1f} %" in page.text(".took")


def test_a_sample_is_described_as_one(page, console):
    """So the picture of 500 vectors is not taken for that of 20,000."""
    open_map(page, console, "?limit=500")

    assert page.text(".took").startswith("500 vectors")
    assert "a sample of 20,000: evenly spaced in the order of the keys" in page.text(".took")


def test_a_metadata_key_colors_the_points(page, console):
    """The legend has counts, and can hide a group."""
    open_map(page, console, "?limit=500")
    plain = page.evaluate(INK)
    page.choose("Color by", "kind")
    page.waitFor(".legend")
    page.waitUntil(f"{INK} > {plain}")
    assert [entry.split() for entry in page.texts(".legend .entry")] == [
        ["book", "167"],
        ["film", "167"],
        ["song", "166"],
    ]
    colored = page.evaluate(INK)
    page.evaluate("document.querySelector('.legend .entry').click()")

    page.waitUntil(f"{INK} < {colored}")
    assert page.evaluate("document.querySelector('.legend .entry').ariaPressed") == "false"


def test_values_beyond_eight_are_gray(page, console):
    """Eight colors and shapes can be distinguished."""
    open_map(page, console, "?color=shelf")

    entries = [entry.split() for entry in page.texts(".legend .entry")]
    assert len(entries) == 9
    assert entries[-1][0] == "others"
    assert sum(int(count.replace(",", "")) for _, count in entries) == 5000


def test_a_point_shows_its_key_and_opens_with_its_neighbors(page, console):
    """The pointer shows its key and text; a click shows its row and neighbors."""
    open_map(page, console, "?limit=500")
    page.evaluate("document.querySelector('.canvas canvas').focus()")
    page.press("ArrowDown")
    page.waitUntil("/tells of/.test(document.querySelector('.tip').textContent)")
    page.press("Enter")
    page.wait("Nearest neighbors")

    assert page.count(".neighbors li") == 8
    assert "tells of" in page.text(".side .prose")


def test_the_map_highlights_the_results_of_a_query(page, console):
    """It shows how many of the results are among the points."""
    open_map(page, console, "?light=vector&key=doc-00040&top_k=20&limit=5000")
    page.wait("of 20 results are among the points")
    page.click("button", "Clear")
    page.choose("Light up", "text")
    page.fill("Key or text", "mountains")
    page.click("button", "Find")

    page.wait("of 10 results are among the points")


def test_nothing_is_read_before_the_reader_knows_the_cost(page, monkeypatch):
    """If the service charges for reading, the page reads neither vectors nor metadata keys."""
    describe = EngineService.describe

    def describe_as_aws(service):
        about = describe(service)
        return {**about, "service": {**about["service"], "kind": "aws"}}

    monkeypatch.setattr(EngineService, "describe", describe_as_aws)
    jobs = "performance.getEntriesByType('resource').filter(({name}) => /stream/.test(name)).length"
    with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        put_vectors(engine, create_index(engine, "one"), [make_vector("only", 0)])
        page.open_console(url, f"#/bucket/{BUCKET}/index/one/map")
        page.wait("AWS may charge for these reads")
        page.wait("8 dimensions")
        page.waitUntil("!document.querySelector('[aria-busy=true]')")
        page.evaluate("new Promise(requestAnimationFrame)")
        assert page.evaluate(jobs) == 0
        page.click("button", "Draw")
        page.wait("Principal components")

        page.waitUntil("document.querySelector('#color').options.length > 1")
        page.choose("Color by", "kind")
        page.waitFor(".legend")


def test_one_vector_makes_a_map(page, console):
    """It is a single point without variance."""
    page.open_console(console.url, console.index("one") + "/map")
    page.wait("1 vector")

    assert "the picture shows 0.0 %" in page.text(".took")


@pytest.mark.parametrize("key", ["+", "-", "0"])
def test_the_zoom_keys_affect_only_the_map(page, console, key):
    """They neither scroll nor zoom the page, and after `0`, points are visible."""
    open_map(page, console, "?limit=500")
    page.evaluate("document.querySelector('.canvas canvas').focus()")
    page.press(key)
    page.press("0")
    page.evaluate("new Promise(requestAnimationFrame)")

    assert page.evaluate(INK) > 0
