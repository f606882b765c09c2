"""The example Lambda function, with Stache's own pipeline, moto's DynamoDB and the engine."""

from __future__ import annotations

import logging

import pytest

import handler
import lambda_function
import stache
from lambda_function import invoke, passages
from stache_ai_s3vectors import S3VectorsError

CAT, DOG = "The cat sleeps on the warm mat.", "Dogs bark in the village at night."


@pytest.fixture(autouse=True)
def _deployed(monkeypatch):
    """Each test has a function of its own, with empty tables."""
    with lambda_function.deployed(monkeypatch):
        yield


@pytest.fixture
def cat():
    """An ingested document."""
    invoke("ingest", text=DOG, filename="dog.txt")
    return invoke("ingest", text=CAT, filename="cat.txt", metadata={"author": "me"})["doc_id"]


def test_what_is_ingested_is_found():
    """With its text, its metadata and the namespace."""
    told = invoke("ingest", text=CAT, filename="cat.txt", metadata={"author": "me"}, namespace="n")

    [found] = invoke("query", question="where does the cat sleep?", namespace="n")["passages"]

    assert (told["action"], told["chunks_created"], told["namespace"]) == ("ingested_new", 1, "n")
    assert found["text"] == CAT
    assert (found["metadata"]["author"], found["metadata"]["filename"]) == ("me", "cat.txt")
    assert found["metadata"]["doc_id"] == told["doc_id"]
    assert passages("cat", namespace="another") == []


def test_a_query_takes_a_filter_and_a_number(cat):
    """As Stache does."""
    assert passages("cat", top_k=1) == [CAT]
    assert passages("cat", filter={"filename": "dog.txt"}) == [DOG]


def test_the_same_text_again_is_left_alone(cat):
    """Stache knows it by its hash and its filename."""
    again = invoke("ingest", text=CAT, filename="cat.txt")

    assert (again["doc_id"], again["action"]) == (cat, "skipped")
    assert sorted(passages("cat")) == [DOG, CAT]


def test_a_deleted_document_is_restored(cat):
    """In between, no query finds it."""
    deleted = invoke("delete", doc_id=cat)
    between = passages("cat")
    restored = invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert between == [DOG]
    assert restored["status"] == "active"
    assert passages("cat", top_k=1) == [CAT]


def test_a_purged_document_is_gone_for_good(cat):
    """Its vectors, too."""
    index = handler.pipeline().documents_provider
    deleted = invoke("delete", doc_id=cat)
    purged = invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert purged["chunks_deleted"] == 1
    assert [row["text"] for row in index.scan_by_metadata(fields=["text"])] == [DOG]
    with pytest.raises(ValueError, match="not in trash"):
        invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])


def test_health_says_what_runs_and_what_answers():
    """Versions, the embedder, the index."""
    told = invoke("health")

    assert told["status"] == "ok"
    assert told["versions"].keys() == {
        "stache-ai",
        "stache-ai-s3vectors",
        "stache-ai-dynamodb",
        "boto3",
    }
    assert told["documents"]["name"] == "documents-1024"


def test_a_delete_that_fails_says_so_and_is_repeated(cat):
    """Stache's own would only log it, and queries would go on to find the document."""
    client = handler.pipeline().documents_provider.client
    stache.failing(client, "PutVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        invoke("delete", doc_id=cat)
    assert passages("cat", top_k=1) == [CAT]
    invoke("delete", doc_id=cat)

    assert passages("cat") == [DOG]


def test_a_restore_that_fails_half_way_says_what_to_do(cat):
    """And that helps."""
    deleted = invoke("delete", doc_id=cat)
    stache.failing(handler.pipeline().documents_provider.client, "PutVectors", 1)

    with pytest.raises(RuntimeError, match="Send delete, then restore again"):
        invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])
    deleted = invoke("delete", doc_id=cat)
    invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert passages("cat", top_k=1) == [CAT]


def test_a_purge_that_fails_is_repeated(cat):
    """The first leaves a job behind, which the second takes up."""
    deleted = invoke("delete", doc_id=cat)
    stache.failing(handler.pipeline().documents_provider.client, "DeleteVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])
    purged = invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert purged["chunks_deleted"] == 1


def test_a_document_that_is_stored_but_not_listed_is_an_error(caplog):
    """Stache logs it, and says that all is well."""
    caplog.set_level(logging.CRITICAL)
    client = handler.pipeline().document_index_provider.table.meta.client

    def refuse(params, **_):
        if b"METADATA" in params["body"]:
            raise RuntimeError("no room")

    client.meta.events.register("before-call.dynamodb.PutItem", refuse)

    with pytest.raises(RuntimeError, match="is stored in 'default', but not listed"):
        invoke("ingest", text=CAT, filename="cat.txt")


@pytest.mark.parametrize(
    "event, problem",
    [
        (None, "the event is None; it must be an object with an action, such as"),
        ({}, "actions are ingest, query, delete, restore, purge, health"),
        ({"action": "querry"}, "action is 'querry'; .* did you mean 'query'?"),
        ({"action": ["query"]}, r"action is \['query'\]"),
        ({"action": "query"}, "query needs 'question': a string that is not empty"),
        ({"action": "query", "question": "x", "topk": 3}, "takes no 'topk'; .* mean 'top_k'?"),
        ({"action": "query", "question": ""}, "question is ''; it must be a string that is not"),
        ({"action": "query", "question": 3}, "question is 3; it must be a string"),
        ({"action": "query", "question": "x", "top_k": True}, "top_k is True; it must be a whole"),
        ({"action": "query", "question": "x", "top_k": 0}, "top_k is 0"),
        ({"action": "query", "question": "x", "filter": "a"}, "filter is 'a'; it must be an obj"),
        ({"action": "delete", "doc_id": "absent"}, "absent"),
        ({"action": "restore", "doc_id": "a"}, "restore needs 'deleted_at_ms': a whole number"),
        ({"action": "health", "verbose": True}, "health takes no 'verbose'"),
        ({"action": "ingest", "text": "  "}, "Cannot ingest empty text"),
    ],
)
def test_a_bad_event_is_refused_with_what_to_send(event, problem):
    """The invocation fails, and the message is in its answer."""
    with pytest.raises(Exception, match=problem):
        handler.handler(event, None)
