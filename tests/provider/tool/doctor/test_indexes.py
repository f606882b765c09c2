"""`doctor` checks whether Stache's indexes fit Stache's settings."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import closing, suppress

import pytest

from support import endpoints, providers, tool
from support.doctor_setup import KINDS, find_problems


@pytest.mark.parametrize("key", ["status", "namespace", "_type", "doc_id"])
def test_an_index_that_cannot_be_searched_is_wrong(three_indexes, key):
    """Reported once, by the key, with the fix; it is not a matter of permissions."""
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    client.delete_index(**names)
    client.create_index(
        **names,
        dataType="float32",
        dimension=4,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow", key]},
    )

    [(check, text, fix)] = find_problems("--level", "manage-indexes")

    assert check == "documents"
    assert text.startswith(f"this index cannot filter on {key}")
    assert "That cannot be changed" in text
    assert "indexes create documents-4 --dimension 4" in fix
    assert "copy documents documents-4" in fix
    result = tool.run("indexes", "create")
    assert result.exit_code == 2
    assert (
        f"cannot be filtered by {key}, but all of Stache's searches filter by it" in result.output
    )


def names(index="documents"):
    return {"vectorBucketName": "my-bucket", "indexName": index}


def recreate_documents_index(non_filterable, metric="cosine"):
    """Replace the documents index by one with other properties."""
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    client.delete_index(**names())
    client.create_index(
        **names(),
        dataType="float32",
        dimension=4,
        distanceMetric=metric,
        metadataConfiguration={"nonFilterableMetadataKeys": non_filterable},
    )


def test_an_index_where_text_is_filterable_is_wrong(three_indexes):
    """A chunk is longer than filterable metadata can be."""
    recreate_documents_index(["_overflow"])

    [(check, text, fix)] = find_problems()

    assert (check, "text is filterable" in text) == ("documents", True)
    assert "indexes create" in fix


def test_a_setup_that_works_but_could_be_better_has_warnings(three_indexes):
    """The older package's index, and euclidean distance: `doctor` reports ready."""
    recreate_documents_index(["text"], "euclidean")

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "Warning: documents: its distance is euclidean" in result.stdout
    assert "Warning: documents: _overflow is filterable in this index" in result.stdout
    assert "stache-s3vectors migrate" in result.stdout


def test_hybrid_search_without_text_search_is_wrong(three_indexes, monkeypatch):
    """The fix is the command that adds it."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    recreate_documents_index(["text", "_overflow"])

    [(check, text, fix)] = find_problems()

    assert check == "documents"
    assert fix.startswith("stache-s3vectors indexes upgrade documents --bucket my-bucket ")
    assert "the index has no text search" in text


def test_the_language_of_text_search_is_shown(three_indexes):
    """After its status."""
    tool.run_checked("indexes", "delete", "--yes", "documents")
    tool.run_checked("indexes", "create", "--language", "de", "documents")

    assert re.search(r"text search on text (ACTIVE|BUILDING) \(de\)", tool.run("doctor").stdout)


def test_text_search_in_another_language_is_a_warning(three_indexes, monkeypatch):
    """The fix is the command that changes it."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    monkeypatch.setenv("S3VECTORS_TEXT_LANGUAGE", "fr")

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "S3VECTORS_TEXT_LANGUAGE is fr, the language of its text search is none" in result.stdout
    assert re.search("indexes upgrade documents .*--language fr", result.stdout)


def test_a_key_without_text_search_is_wrong(three_indexes, monkeypatch):
    """If hybrid search should match its words."""
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")
    monkeypatch.setenv("S3VECTORS_TEXT_KEYS", "text,filename")

    problems = find_problems()

    assert {text for _, text, _ in problems} == {
        "S3VECTORS_SEARCH_MODE is hybrid, and the index has no text search on filename"
    }


def test_hybrid_search_on_a_classic_index_is_wrong(monkeypatch):
    """`upgrade` also switches the mode."""
    providers.open_engine("local:data", bucket_mode="classic").close()
    providers.close_engines()
    providers.open_engine("local:data", bucket_mode="classic")
    tool.run_checked("indexes", "create")
    monkeypatch.setenv("S3VECTORS_SEARCH_MODE", "hybrid")

    problems = find_problems()

    assert [check for check, _, _ in problems] == ["documents", "summaries", "insights"]
    assert all("its mode is CLASSIC" in text for _, text, _ in problems)


def test_an_index_that_the_provider_will_create_is_not_missing(monkeypatch):
    """At a local: endpoint, before its first use."""
    monkeypatch.delenv("S3VECTORS_CREATE_INDEX")
    providers.create_provider("another", s3vectors_endpoint_url="local:data").insert(
        [[1.0] * 4], ["t"]
    )

    result = tool.run("doctor")

    assert result.exit_code == 0
    assert "documents: not created yet; the provider creates it on first use" in result.stdout


def test_a_missing_index_that_aws_may_let_us_create_is_a_warning(monkeypatch):
    """CreateIndex cannot be tried; without GetVectorBucket it will fail."""
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    with endpoints.serve() as url:
        with closing(endpoints.create_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        shown = tool.run("doctor", "--endpoint", url, "--region", "us-east-1").stdout

    assert "Warning: documents: not created yet; the provider creates it on first use" in shown


@pytest.mark.parametrize("layout", ["one for each", "one for all"])
def test_the_fixes_for_an_older_layout_work_as_they_are_typed(monkeypatch, layout):
    """Create the new indexes, fill them, set the variables: then no fix is left."""
    names = {kind: "stache" if layout == "one for all" else f"stache-{kind}" for kind in KINDS}
    for kind, name in names.items():
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", name)
        if layout == "one for all":
            monkeypatch.delenv(f"S3VECTORS_{kind.upper()}_INDEX")
    if layout == "one for all":
        monkeypatch.setenv("S3VECTORS_INDEX", "stache")
    for name in set(names.values()):
        provider = providers.create_provider(
            name, s3vectors_endpoint_url="local:data", s3vectors_create_index=True
        )
        create_bucket(provider)
        provider.client.create_index(
            vectorBucketName="my-bucket",
            indexName=name,
            dataType="float32",
            dimension=4,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
        )
        provider.insert(providers.create_vectors(3), ["a", "b", "c"], ids=["a", "b", "c"])

    report = json.loads(tool.run("doctor", "--json").stdout)
    fixes = [
        c["fix"]
        for c in report["checks"]
        if c["state"] == "warning" and "create another" in c["fix"]
    ]
    assert len(fixes) == len(set(names.values()))
    for fix in fixes:
        create, fill, variable = fix.split("; ")
        create, fill = (each.partition("stache-s3vectors ")[2] for each in (create, fill))
        tool.run_checked(*shlex.split(create))
        tool.run_checked(*shlex.split(fill), "--yes")
        monkeypatch.setenv(*variable.removeprefix("then set ").split("=", 1))

    report = json.loads(tool.run("doctor", "--json").stdout)
    assert report["ready"]
    assert list_replacements(report) == []


def list_replacements(report):
    return [each["fix"] for each in report["checks"] if "create another" in each.get("fix", "")]


def create_bucket(provider):
    with suppress(provider.client.exceptions.ConflictException):
        provider.client.create_vector_bucket(vectorBucketName="my-bucket")
