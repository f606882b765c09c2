"""The last requests to the engine, and the unused permissions of its policies."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from botocore.exceptions import ClientError

from s3vectors_local import Engine, Policies, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.data import BUCKET, create_index, make_vector, put_vectors
from support.endpoints import create_client

NAMES = {"vectorBucketName": BUCKET, "indexName": "asked"}


@pytest.fixture
def engine():
    """Return an engine with one vector that allows all but DeleteVectors."""
    statements = [
        {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"},
        {"Sid": "Keep", "Effect": "Deny", "Action": "s3vectors:DeleteVectors", "Resource": "*"},
    ]
    with Engine(policies=Policies({"Version": "2012-10-17", "Statement": statements})) as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET})
        put_vectors(engine, create_index(engine, "asked"), [make_vector("only", 0)])
        yield engine


@pytest.fixture
def url(engine):
    """Serve the engine."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


def read_operations(page):
    """Return the operations of the rows, latest first."""
    return [row.split("\t")[1].split()[0] for row in page.texts("tbody tr")]


def test_new_requests_appear_in_the_open_view(page, engine, url):
    """Each has its status, its time and, if denied, the statement."""
    page.open_console(url, "#/requests")
    page.wait("No request matches")
    with closing(create_client(endpoint_url=url)) as client:
        client.get_vectors(**NAMES, keys=["only"])
        with suppress(ClientError):
            client.delete_vectors(**NAMES, keys=["only"])
    page.waitUntil("document.querySelectorAll('tbody tr').length === 2")

    assert read_operations(page) == ["DeleteVectors", "GetVectors"]
    assert "403" in page.text("tbody tr")
    assert "Keep" in page.text("tbody tr")
    assert f"{BUCKET}/asked" in page.text("tbody tr")


def test_the_reader_can_select_refused_requests_and_the_console_s_own(page, engine, url):
    """By default, the console's own are hidden."""
    page.open_console(url)
    page.wait("cosine")  # of the index; leaving the view earlier would abort its GetIndex
    page.navigate("#/requests")
    page.wait("No request matches")
    page.check("Include requests of this console")
    page.wait("GetIndex")
    page.check("Only refused and lost requests")

    page.wait("No request matches")


def test_the_list_can_be_paused(page, engine, url):
    """It then continues where it was."""
    page.open_console(url, "#/requests")
    page.click("button", "Pause")
    with closing(create_client(endpoint_url=url)) as client:
        client.get_vectors(**NAMES, keys=["only"])
    assert page.count("tbody tr") == 0
    page.click("button", "Resume")

    page.wait("GetVectors")
