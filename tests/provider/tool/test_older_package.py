"""What the older package of the same name wrote, by that package itself (0.2.0)."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from contextlib import ExitStack, closing
from functools import partial

import pytest

from stache_ai_s3vectors import InvalidInputError, NamespaceError
from support import ROOT, TESTS, providers, tool
from support.endpoints import serve

OLDER = ROOT / ".venv-older" / "bin" / "python"
SCRIPT = TESTS / "support" / "call_older_package.py"

QUESTION = [1.0, 0.0, 0.5, 0.25]
IDS = [f"old-{n}" for n in range(4)]
METADATAS = [
    {"doc_id": "d1", "filename": "a.pdf", "chunk_index": 0, "tags": ["x", "y"]},
    {"doc_id": "d1", "filename": "a.pdf", "chunk_index": 1, "nested": {"a": [1, None]}},
    {"doc_id": "d2", "filename": "b.pdf", "chunk_index": 0, "nothing": None, "empty": []},
    {"doc_id": "d2", "_type": "document_summary", "headings": ["h1", {"h": 2}]},
]
"""As Stache's pipeline wrote them; the older package changed what S3 Vectors cannot hold."""


def call_older(url, *calls, index="documents", dimension="4"):
    """Call the older package on that server."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_S3VECTORS": url,
        "AWS_REGION": "us-east-1",
        "S3VECTORS_BUCKET": "my-bucket",
        "S3VECTORS_INDEX": index,
        "EMBEDDING_DIMENSION": dimension,
    }
    assert OLDER.exists(), "`make test` sets it up"
    result = subprocess.run(
        [OLDER, SCRIPT],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def written():
    """A server with an index as the older package's template made it, and what it wrote."""
    with serve() as url:
        provider = providers.create_provider(s3vectors_endpoint_url=url)
        providers.create_older_index(provider)
        provider.client.close()
        texts = [f"text {n}" for n in range(4)]
        arguments = {"texts": texts, "metadatas": METADATAS, "ids": IDS, "namespace": "ns"}
        call_older(url, ["insert", {"vectors": providers.create_vectors(4), **arguments}])
        yield url


@pytest.fixture
def provider(written):
    """Our provider, on what the older package wrote."""
    provider = providers.create_provider(s3vectors_endpoint_url=written)
    with closing(provider.client):
        yield provider


def test_its_vectors_match_by_vector_filter_and_namespace(provider):
    """Summaries by their own search."""
    rows = provider.search(QUESTION, 10, namespace="ns")
    assert [row["id"] for row in rows] == IDS[:3]
    assert [row["text"] for row in rows] == ["text 0", "text 1", "text 2"]
    assert [row["id"] for row in provider.search(QUESTION, filter={"tags": "y"})] == ["old-0"]
    assert [row["id"] for row in provider.search_summaries(QUESTION, namespace="ns")] == ["old-3"]


def test_its_vectors_are_read_as_they_were_stored(provider):
    """Objects are the JSON text that the older package made of them; nulls are gone."""
    rows = provider.get_by_ids(IDS)

    assert rows[0].items() >= {**METADATAS[0], "namespace": "ns", "status": "active"}.items()
    assert json.loads(rows[1]["nested"]) == METADATAS[1]["nested"]
    assert not {"nothing", "empty"} & rows[2].keys()
    assert rows[3]["headings"] == ["h1", '{"h": 2}']
    assert provider.count_by_filter({"doc_id": "d1", "chunk_index": {"$gte": 1}}) == 1


def test_both_packages_see_an_update(provider, written):
    """One soft-deletes and restores, the other sees it; the embedding stays."""
    before = provider.get_vectors_with_embeddings(["old-0"])

    assert provider.update_status(["old-0"], "ns", "deleting") == 1
    [theirs] = call_older(written, ["search", {"query_vector": QUESTION}])
    assert "old-0" not in [row["id"] for row in theirs]
    call_older(
        written, ["update_status", {"ids": ["old-0"], "namespace": "ns", "status": "active"}]
    )

    assert provider.get_vectors_with_embeddings(["old-0"]) == before


def test_the_older_package_reads_what_ours_writes(provider, written):
    """Going back is possible."""
    provider.insert([QUESTION], ["new"], [{"doc_id": "n"}], ["new-1"], namespace="ns")

    [rows] = call_older(written, ["get_by_ids", {"ids": ["new-1"]}])

    assert rows[0]["text"] == "new"
    assert provider.delete(["new-1"], namespace="ns")


def test_its_index_stores_what_fits_and_refuses_the_rest(provider, written):
    """Objects and nulls as far as there is room; the older package reads the rest."""
    metadata = {"nested": {"a": [1, None]}, "nothing": None, "doc_id": "both"}
    provider.insert([QUESTION], ["t"], [metadata], ["kept"], namespace="ns")

    [row] = provider.get_by_ids(["kept"])
    assert row.items() >= metadata.items()
    [[theirs]] = call_older(written, ["get_by_ids", {"ids": ["kept"]}])
    assert (theirs["text"], theirs["doc_id"]) == ("t", "both")
    assert provider.delete(["kept"], namespace="ns")
    with pytest.raises(InvalidInputError, match=r"no room for 'note' \(\d+ bytes\)"):
        provider.insert([QUESTION], ["t"], [{"note": "n" * 3000}])


AGAIN = {
    "price": 99.5,  # was 0.1
    "when": 1_764_000_000_123,  # unchanged
    "author": "Bob",  # was an object
    "numbers": [0.5, 7],  # was [0.1, 0.2]
}


def test_values_that_the_older_package_replaces_take_precedence():
    """It returns `_overflow` as it read it, which is out of date for changed values."""
    with serve() as url:
        provider = providers.create_provider(
            s3vectors_endpoint_url=url, s3vectors_create_index=True
        )
        with closing(provider.client):
            provider.client.create_vector_bucket(vectorBucketName="my-bucket")
            metadata = {
                "price": 0.1,
                "when": 1_764_000_000_123,
                "author": {"name": "Ann"},
                "numbers": [0.1, 0.2],
                "kept": {"a": None},
            }
            provider.insert([QUESTION], ["t"], [metadata], ["a"], namespace="ns")
            index = provider.index_name
            [[theirs]] = call_older(url, ["get_by_ids", {"ids": ["a"]}], index=index)
            fields = {k: v for k, v in theirs.items() if k not in ("id", "key", "text", "content")}
            again = {"vectors": [QUESTION], "texts": ["t"], "ids": ["a"], "namespace": "ns"}
            call_older(url, ["insert", {**again, "metadatas": [{**fields, **AGAIN}]}], index=index)

            [row] = provider.get_by_ids(["a"])
            assert row.items() >= {**AGAIN, "kept": {"a": None}}.items()
            [hit] = provider.search(QUESTION, filter={"price": 99.5})
            assert hit["metadata"]["price"] == 99.5
            assert provider.count_by_filter({"price": 99.5}) == 1
            assert provider.count_by_filter({"price": 0.1}) == 0
            assert provider.delete_by_metadata("price", 0.1)["deleted"] == 0
            assert provider.delete_by_metadata("author", "Bob")["deleted"] == 1


def test_its_vectors_are_deleted():
    """By metadata and by id, and no others."""
    with serve() as url:
        provider = providers.create_provider(s3vectors_endpoint_url=url)
        providers.create_older_index(provider)
        with closing(provider.client):
            arguments = {"texts": IDS, "metadatas": METADATAS, "ids": IDS, "namespace": "ns"}
            call_older(url, ["insert", {"vectors": providers.create_vectors(4), **arguments}])

            assert provider.delete_by_metadata("filename", "a.pdf", "ns")["deleted"] == 2
            with pytest.raises(NamespaceError, match="'old-2' in 'ns'"):
                provider.delete(["old-2"], namespace="elsewhere")
            assert provider.delete(["old-3"], namespace="ns")

            assert [row["id"] for row in provider.scan_by_metadata()] == ["old-2"]


def test_its_index_is_migrated_to_one_of_ours(written):
    """Objects are objects again; what it left out cannot be restored."""
    place = ("--bucket", "my-bucket", "--endpoint", written, "--dimension", "4")
    ours = providers.create_provider(
        "taken-over", s3vectors_endpoint_url=written, s3vectors_create_index=True
    )
    with closing(ours.client):
        assert ours.count_by_filter({}) == 0  # creates the index

        tool.run_checked("migrate", "documents", "taken-over", *place, "--yes")

        rows = {row["id"]: row for row in ours.scan_by_metadata()}
        for key, metadata in zip(IDS, METADATAS, strict=True):
            stored = {name: value for name, value in metadata.items() if value not in (None, [])}
            assert rows[key].items() >= {**stored, "namespace": "ns", "status": "active"}.items()


def test_the_commands_of_the_page_work_in_their_order(monkeypatch):
    """Its commands in their order, its cut-over, and the way back."""
    page = (ROOT / "docs" / "migrate.md").read_text()
    [block] = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    create, preview, first = (shlex.split(line)[1:] for line in block.splitlines())
    vectors = [[float(n + 1)] + [1.0] * 1023 for n in range(4)]
    arguments = {"texts": IDS, "metadatas": METADATAS, "ids": IDS, "namespace": "ns"}
    with serve() as url, ExitStack() as stack:
        monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", url)
        old = providers.create_provider(
            "stache-documents", s3vectors_endpoint_url=url, embedding_dimension=1024
        )
        stack.enter_context(closing(old.client))
        providers.create_older_index(old)
        theirs = partial(call_older, url, index="stache-documents", dimension="1024")
        theirs(["insert", {"vectors": vectors, **arguments}])

        tool.run_checked(*create)
        assert "4 vectors of my-bucket/stache-documents would go to" in tool.run_checked(*preview)
        tool.run_checked(*first)
        theirs(["update_status", {"ids": ["old-0"], "namespace": "ns", "status": "deleting"}])
        theirs(["delete", {"ids": ["old-1"]}])
        shown = tool.run_checked(*first, "--replace")
        assert "1 vectors written, 2 already present" in shown
        assert "1 vectors are only in the destination: old-1" in shown

        new = providers.create_provider(
            "documents-1024", s3vectors_endpoint_url=url, embedding_dimension=1024
        )
        stack.enter_context(closing(new.client))
        assert new.delete(["old-1"], namespace="ns")
        assert new.get_by_ids(["old-0"])[0]["status"] == "deleting"
        new.insert([vectors[0]], ["new"], [{"nested": {"a": 1}}], ["new-1"], namespace="ns")
        [[row]] = call_older(
            url, ["get_by_ids", {"ids": ["new-1"]}], index="documents-1024", dimension="1024"
        )
        assert (row["text"], json.loads(row["_overflow"])) == ("new", {"nested": {"a": 1}})
        new.update_status(["old-2"], "ns", "deleting")
        assert tool.run(*first).exit_code == 1  # after the move it changes nothing
        assert new.get_by_ids(["old-2"])[0]["status"] == "deleting"
        [rows] = theirs(["get_by_ids", {"ids": IDS}])
        assert [row["id"] for row in rows] == ["old-0", "old-2", "old-3"]
