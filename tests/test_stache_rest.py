"""Stache's REST API answers the same with SQLite as with DynamoDB, or better for a reason."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from contextlib import contextmanager

import pytest

from support import ROOT
from support.deployment.lambda_function import DOCUMENTS
from support.endpoints import create_client, start_server
from support.stache import laptop
from support.stache.laptop_section import CHANGES, DOT_ENV, START, change_settings
from support.stache.rest_scenario import Scenario
from support.stache.servers import serve_documents_table

PAGE = (ROOT / "docs" / "laptop.md").read_text()
[CLEAN_UP] = re.findall(r"^python -c .*process_cleanup_jobs.*$", PAGE, re.MULTILINE)
INDEXES = ("sqlite", "dynamodb")

REFUSED = {
    "create it again": 400,
    "get one of another namespace": 404,
    "change nothing": 400,
    "change a missing document": 404,
    "get it in its old namespace": 404,
    "delete it twice": 404,
    "delete a missing document": 404,
    "restore it twice": 404,
    "restore a purged document": 404,
    "delete by name twice": 404,
    "approve it twice": 404,
}

_PAGES = "always returns a `next_key`, as Stache's interface says; DynamoDB's index leaves it out"
_DECIMAL = "stores fractions; DynamoDB's index refuses them, and Stache answers `success: false`"
_ORDER = "newest first; DynamoDB's index has no order across namespaces"
_AGAIN = "a deleted document can be ingested again; DynamoDB's index skips it, and it is lost"
_VERSION = (
    "finds the previous version; DynamoDB's index finds the oldest, so Stache skips version 3"
)

EXPLAINED = {
    "list a page": "the token has other fields",
    "set metadata to a fraction": _DECIMAL,
    "get the moved document": _DECIMAL,
    "get the purged document": _DECIMAL,
    "list documents without the deleted one": _ORDER,
    "list the trash": f"{_PAGES}, and returns numbers as strings",
    "list the empty trash": _PAGES,
    "list the trash after the purge": _PAGES,
    "ingest the purged text": _AGAIN,
    "ingest the deleted text": _AGAIN,
    "ingest version 3": _VERSION,
    "ask for the latest version": _VERSION,
    "list the latest version": _VERSION,
    "list the previous versions": _VERSION,
    "ask for the approved scan": _VERSION,
}
"""Step → what our document index does, and why it is different."""

BEST_PASSAGES = {
    "ask": "The cat sleeps on the warm printer.",
    "ask where it is": "The cat sleeps on the warm printer.",
    "ask without it": None,
    "ask after it is restored": "The cat sleeps on the warm printer.",
    "ask after it is purged": None,
    "ask for the latest version": "Wednesday.",
    "ask for the approved scan": "An invoice for nine balloons.",
}
"""Question → the passage that answers it, or None."""


@contextmanager
def configure_index(name):
    """Return the settings of a document index."""
    if name == "sqlite":
        yield {}
        return
    with serve_documents_table() as url:
        yield {
            "DOCUMENT_INDEX_PROVIDER": "dynamodb",
            "DYNAMODB_DOCUMENTS_TABLE": DOCUMENTS,
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_REGION": "us-east-1",
        }


def run_scenario(name, folder):
    """Return the answers to each step, with one document index."""
    with (
        configure_index(name) as settings,
        start_server("--data", str(folder / "data")) as (_, engine),
    ):
        create_client(endpoint_url=engine).create_vector_bucket(vectorBucketName="my-bucket")
        changes = CHANGES.replace("http://127.0.0.1:9100", engine)
        (folder / ".env").write_text(change_settings(DOT_ENV, changes))
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        environment = laptop.make_environment(folder, **keys, **settings)

        def clean_up():
            command = [sys.executable, *shlex.split(CLEAN_UP)[1:]]
            subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)

        with laptop.serve_stache(START, folder, environment, quiet=False) as url:
            return Scenario(url, folder, clean_up).run()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return the scenario's answers with our document index, and with Stache's own on DynamoDB."""
    return {name: run_scenario(name, tmp_path_factory.mktemp(name)) for name in INDEXES}


@pytest.mark.parametrize("name", INDEXES)
def test_every_step_has_the_expected_status(answers, name):
    """This holds for either index."""
    statuses = {step: status for step, (status, _) in answers[name].items()}

    assert len(statuses) > 60
    assert {step: status for step, status in statuses.items() if status != 200} == REFUSED


def test_the_answers_are_equal_or_explained(answers):
    """Only the steps that are explained have different answers."""
    ours, theirs = (answers[name] for name in INDEXES)
    different = {step for step in ours if ours[step] != theirs[step]}

    assert ours.keys() == theirs.keys()
    assert different == EXPLAINED.keys()


@pytest.mark.parametrize("words, expected", BEST_PASSAGES.items())
def test_a_query_returns_the_best_passage_that_is_not_deleted(answers, words, expected):
    """The document index is ours."""
    sources = answers["sqlite"][words][1]["sources"]

    assert [source["text"] for source in sources][:1] == ([expected] if expected else [])


def test_a_deleted_document_can_be_ingested_again(answers):
    """DynamoDB's index refuses it."""
    for step in ("ingest the purged text", "ingest the deleted text", "ingest version 3"):
        assert answers["sqlite"][step][1]["status"] == "done"
        assert answers["dynamodb"][step][1]["status"] == "skipped"


def test_the_page_explains_each_difference():
    """Its table has the explanations word for word."""
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE))
    steps = {reason: rows.get(reason, "").split(", ") for reason in EXPLAINED.values()}

    assert {step: reason for reason in steps for step in steps[reason]} == EXPLAINED
