"""Exporting vectors to a file in the tool's format, and importing them."""

from __future__ import annotations

import json

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.data import BUCKET, create_index, make_vector, put_vectors

SOURCE = {"vectorBucketName": BUCKET, "indexName": "source"}
TARGET = {"vectorBucketName": BUCKET, "indexName": "target"}


def build_address(name, view="transfer"):
    return f"#/bucket/{BUCKET}/index/{name}/{view}"


@pytest.fixture
def engine():
    """Return an engine with two indexes, one of them with 600 vectors."""
    with Engine() as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        vectors = [make_vector(f"k{number:03}", number) for number in range(600)]
        put_vectors(engine, create_index(engine, "source"), vectors)
        create_index(engine, "target")
        yield engine


@pytest.fixture
def url(engine):
    """Serve the engine with a console in write mode."""
    with serving(engine, console=ConsoleOptions(write=True)) as url:
        yield url


def list_vectors(engine, names):
    options = {"returnData": True, "returnMetadata": True, "maxResults": 1000}
    vectors = engine.call("ListVectors", {**names, **options})["vectors"]
    return sorted(
        ((v["key"], list(v["data"]["float32"]), v["metadata"]) for v in vectors), key=lambda v: v[0]
    )


def test_an_imported_export_has_the_same_vectors(page, engine, url, tmp_path):
    """Keys, numbers and metadata are equal."""
    page.open_console(url, build_address("source"))
    name, content = page.download("button", "Download")
    file = tmp_path / name
    file.write_text(content)
    page.navigate(build_address("target"))
    page.wait("Drop an export here, or choose it")
    page.upload("Drop an export here, or choose it", str(file))
    page.wait("Imported 600 vectors")

    assert list_vectors(engine, TARGET) == list_vectors(engine, SOURCE)


def test_the_vectors_of_a_filter_and_a_prefix_can_be_exported(page, engine, url):
    """The button is in the view that shows them."""
    page.open_console(url, build_address("source", "browse"))
    page.fill("Key begins with", "k00")
    page.fill("Filter", '{"kind": "film"}')
    page.click("button", "Show")
    page.wait("3 vectors")
    _, content = page.download("button", "Download these")

    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["key"] for line in lines if "key" in line] == ["k001", "k004", "k007"]


def test_a_damaged_file_is_refused_with_its_line(page, engine, url, tmp_path):
    """The page shows how many vectors were stored before."""
    page.open_console(url, build_address("source"))
    _, content = page.download("button", "Download")
    lines = content.splitlines(keepends=True)
    file = tmp_path / "damaged.jsonl"
    file.write_text("".join([*lines[:10], *lines[11:]]))
    page.navigate(build_address("target"))
    page.wait("Drop an export here, or choose it")
    page.upload("Drop an export here, or choose it", str(file))
    page.waitFor(".failure")

    assert "line 11" in page.text(".failure").lower()


def test_an_invalid_filter_of_an_export_is_refused_at_its_field(page, engine, url):
    """The service refuses it before a file is begun."""
    page.open_console(url, build_address("source"))
    page.fill("Filter", '{"kind": {"$like": "b"}}')
    page.click("button", "Download")

    page.waitUntil("document.getElementById('filter-error').textContent.includes('Invalid filter')")
