"""`purge` deletes by namespace, status or filter, after a dry run."""

from __future__ import annotations

import json

import pytest

from support import providers, tool

INDEX = ("--index", "documents", *tool.LOCAL)


@pytest.fixture
def provider():
    """Twelve chunks in "books", three of them soft-deleted, and two below it."""
    provider = tool.create_filled_provider(12)
    provider.update_status([f"key-{n:05}" for n in range(3)], "books", "deleting")
    provider.insert(
        providers.create_vectors(2), ["t", "t"], ids=["b1", "b2"], namespace="books/old"
    )
    return provider


@pytest.mark.parametrize(
    "chosen, count",
    [
        (("--namespace", "books"), 12),
        (("--status", "deleting"), 3),
        (("--namespace", "books", "--status", "active"), 9),
        (("--filter", '{"doc_id": "d1"}'), 4),
        (("--filter", '{"namespace": {"$startsWith": "books/"}}'), 2),
        (("--namespace", "books/*"), 14),
        (("--namespace", "exact:books/*"), 0),
    ],
)
def test_a_purge_deletes_what_its_dry_run_reports(provider, chosen, count):
    """The dry run deletes nothing; a namespace means the same as in export."""
    dry = tool.read_json("purge", *chosen, *INDEX)
    before = len(tool.read_contents(provider))
    wet = tool.read_json("purge", *chosen, "--yes", *INDEX)

    assert (dry["deleted"], dry["indexes"]["documents"]["vectors"]) == (False, count)
    assert before == 14
    assert wet == {"deleted": True, "indexes": {"documents": {"vectors": count}}}
    assert len(tool.read_contents(provider)) == 14 - count


def test_a_dry_run_describes_the_matches(provider):
    """Namespaces, statuses and some keys; and the next step."""
    assert tool.run_checked("purge", "--filter", '{"n": {"$lt": 2}}', *INDEX).splitlines() == [
        "documents: 2 vectors would be deleted",
        "  namespaces: books 2",
        "  statuses: deleting 1, active 1",
        "  keys: key-00000, key-00011",
        "Nothing was deleted. Add --yes to delete them.",
    ]


def test_a_purge_covers_all_of_staches_indexes(monkeypatch):
    """Unless some are named."""
    for kind in ("documents", "summaries", "insights"):
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", kind)
        provider = providers.create_provider(kind, s3vectors_endpoint_url="local:data")
        provider.insert([[1.0] * 4], ["t"], namespace="gone")

    report = tool.read_json("purge", "--namespace", "gone", "--yes", *tool.LOCAL)

    assert report["indexes"] == {
        kind: {"vectors": 1} for kind in ("documents", "summaries", "insights")
    }


def test_deletions_before_a_failure_are_reported(provider, monkeypatch):
    """Also those in earlier indexes."""
    other = providers.create_provider("other", s3vectors_endpoint_url="local:data")
    other.insert([[1.0] * 4], ["t"], namespace="books")
    providers.fail_calls(provider.client, "DeleteVectors", 2)

    result = tool.run("purge", "--namespace", "books", "--yes", *INDEX, "--index", "other")

    assert result.exit_code == 1
    assert "documents: 12 vectors deleted" in result.stdout
    assert "Stopped: 12 of documents and 0 vectors of other are deleted" in result.stderr


def test_an_index_that_is_named_twice_is_purged_once(provider):
    """Otherwise the second count would replace the first."""
    report = tool.read_json(
        "purge", "--namespace", "books", "--yes", *INDEX, "--index", "documents"
    )

    assert report["indexes"] == {"documents": {"vectors": 12}}


def test_a_purge_without_a_condition_is_wrong_usage(provider):
    """It would delete everything."""
    result = tool.run("purge", "--yes", *INDEX)

    assert (result.exit_code, "no condition is given" in result.stderr) == (2, True)
    assert len(tool.read_contents(provider)) == 14


def test_a_purge_that_fails_half_way_can_be_repeated(provider):
    """It reports the failure, and the next run deletes the rest."""
    providers.fail_calls(provider.client, "DeleteVectors", 1)

    result = tool.run("purge", "--namespace", "books", "--yes", *INDEX)
    report = tool.read_json("purge", "--namespace", "books", "--yes", *INDEX)

    assert result.exit_code == 1
    assert "Stopped: 0 vectors of documents are deleted" in result.stderr
    assert json.dumps(report["indexes"]["documents"]["vectors"]) == "12"
