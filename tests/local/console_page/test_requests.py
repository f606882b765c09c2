"""The last requests to the engine, and what its policies grant that nobody used."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from botocore.exceptions import ClientError

from console_data import BUCKET, create_index, make_vector, put
from endpoints import create_client
from s3vectors_local import Engine, Policies, serving
from s3vectors_local.console.options import ConsoleOptions

NAMES = {"vectorBucketName": BUCKET, "indexName": "asked"}


@pytest.fixture
def engine():
    """An engine that allows all but DeleteVectors, with one vector."""
    statements = [
        {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"},
        {"Sid": "Keep", "Effect": "Deny", "Action": "s3vectors:DeleteVectors", "Resource": "*"},
    ]
    with Engine(policies=Policies({"Version": "2012-10-17", "Statement": statements})) as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        put(engine, create_index(engine, "asked"), [make_vector("only", 0)])
        yield engine


@pytest.fixture
def url(engine):
    """Its server."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


def read_operations(page):
    """The operations of the rows, the latest first."""
    return [row.split("\t")[1].split()[0] for row in page.texts("tbody tr")]


def test_requests_appear_while_one_looks(page, engine, url):
    """With status, time and, of a refusal, the statement that denies it."""
    page.open_console(url, "#/requests")
    page.wait("None of these is shown")
    with closing(create_client(endpoint_url=url)) as client:
        client.get_vectors(**NAMES, keys=["only"])
        with suppress(ClientError):
            client.delete_vectors(**NAMES, keys=["only"])
    page.waitUntil("document.querySelectorAll('tbody tr').length === 2")

    assert read_operations(page) == ["DeleteVectors", "GetVectors"]
    assert "403" in page.text("tbody tr")
    assert "Keep" in page.text("tbody tr")
    assert f"{BUCKET}/asked" in page.text("tbody tr")


def test_refused_ones_and_the_console_s_own_can_be_chosen(page, engine, url):
    """The console's own are not shown before somebody wants them."""
    page.open_console(url)
    page.wait("ENHANCED")
    page.go("#/requests")
    page.wait("None of these is shown")
    page.check("Those of this console, too")
    page.wait("GetIndex")
    page.check("Only refused and lost ones")

    page.wait("None of these is shown")


def test_it_can_be_paused(page, engine, url):
    """And goes on where it was."""
    page.open_console(url, "#/requests")
    page.click("button", "Pause")
    with closing(create_client(endpoint_url=url)) as client:
        client.get_vectors(**NAMES, keys=["only"])
    assert page.count("tbody tr") == 0
    page.click("button", "Go on")

    page.wait("GetVectors")
