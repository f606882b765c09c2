"""Vector buckets of several regions, each with its own addresses."""

from __future__ import annotations

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions


@pytest.fixture
def url():
    """Serve an engine that has a bucket in each of two regions."""
    with Engine() as engine:
        for region in ("us-east-1", "eu-west-1"):
            caller = engine.caller(None, region)
            name = {"vectorBucketName": f"bucket-{region}"}
            engine.call("CreateVectorBucket", name, caller)
            shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
            engine.call("CreateIndex", {**name, "indexName": "idx", **shape}, caller)
        with serving(engine, console=ConsoleOptions()) as url:
            yield url


def test_the_address_has_the_chosen_region(page, url):
    """So it can be shared. The code to copy names the region as well."""
    page.open_console(url)
    page.wait("bucket-us-east-1")
    page.choose("Region", "eu-west-1")
    page.wait("bucket-eu-west-1")
    page.click("link", "idx")
    page.wait("2 dimensions")
    address = page.evaluate("location.hash")
    page.open_console(url, address)
    page.wait("2 dimensions")

    assert address == "#/region/eu-west-1/bucket/bucket-eu-west-1/index/idx"
    assert "bucket-us-east-1" not in page.text("body")
    page.click("link", "Browse")
    page.click("button", "Copy as code")
    assert 'region_name="eu-west-1"' in page.text("dialog pre")
