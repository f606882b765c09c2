"""Stache as an AWS Lambda function: ingest, query, delete, restore, purge, health.

An event is an object with an `action` and what that action takes (`ACTIONS`):

    aws lambda invoke --function-name NAME --cli-binary-format raw-in-base64-out \
      --payload '{"action": "query", "question": "What is a vector?"}' answer.json

What goes wrong is raised, so the invocation fails and its answer says why.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any, Final, TypeAlias

from stache_ai.config import Settings
from stache_ai.providers import EmbeddingProviderFactory
from stache_ai.rag.pipeline import RAGPipeline

from stache_ai_s3vectors import S3VectorsError
from word_hashing import WordHashingEmbeddings

Answer: TypeAlias = dict[str, Any]
Fields: TypeAlias = Mapping[str, type]

PACKAGES: Final = ("stache-ai", "stache-ai-s3vectors", "stache-ai-dynamodb", "boto3")
DEFAULT_NAMESPACE: Final = "default"


class BadEventError(ValueError):
    """The event is none that this function takes; the message says what to send."""


@dataclass(frozen=True)
class Action:
    """What an action does, and the fields that its event must and may have."""

    run: Callable[[RAGPipeline, Answer], Awaitable[Answer]]
    required: Fields = field(default_factory=dict)
    optional: Fields = field(default_factory=dict)


@cache
def pipeline() -> RAGPipeline:
    """Stache's pipeline, made at the first event and kept while the function is warm."""
    EmbeddingProviderFactory.register("word-hashing", WordHashingEmbeddings)
    return RAGPipeline(Settings())


def handler(event: Any, context: Any) -> Answer:  # noqa: ARG001 - what Lambda calls
    """Carry out one event.

    Raises:
        BadEventError: there is no such action, or its fields are missing, unknown or wrong.
        S3VectorsError: the vector store refused, or could not be reached.
        ValueError: there is no such document, or it is not in the trash.
    """
    action, given = _checked(event)
    return asyncio.run(_run(action, given))


async def _run(action: Action, given: Answer) -> Answer:
    return await action.run(pipeline(), {"namespace": DEFAULT_NAMESPACE, **given})


async def ingest(stache: RAGPipeline, given: Answer) -> Answer:
    """Store a text; a filename that is stored already with the same text is left alone."""
    known = {"filename": given["filename"]} if "filename" in given else {}
    done = await stache.ingest_text(
        given["text"],
        metadata={**given.get("metadata", {}), **known},
        namespace=given["namespace"],
    )
    document = stache.get_document_record(done["doc_id"], given["namespace"])
    if document is None:  # Stache logs that it could not list a document, and goes on
        raise RuntimeError(
            f"document {done['doc_id']} is stored in {given['namespace']!r}, but not listed in the "
            "documents table: query finds it, delete does not. Look at the function's log, then "
            "ingest it again"
        )
    return {name: done.get(name) for name in ("doc_id", "namespace", "chunks_created", "action")}


async def query(stache: RAGPipeline, given: Answer) -> Answer:
    """The passages that are nearest to a question."""
    found = await stache.query(
        given["question"],
        top_k=given.get("top_k", 5),
        synthesize=False,
        namespace=given["namespace"],
        filter=given.get("filter"),
    )
    return {"question": given["question"], "passages": found["sources"]}


async def delete(stache: RAGPipeline, given: Answer) -> Answer:
    """Move a document to the trash; its `deleted_at_ms` names it there."""
    # Not stache.soft_delete_document: that one only logs it when the vectors cannot be marked, and
    # queries go on to find what is in the trash. Marked first, because this can be repeated
    name = given["doc_id"], given["namespace"]
    _mark(stache, stache.get_document_record(*name) or {}, given["namespace"], "deleting")
    done = stache.document_index_provider.soft_delete_document(*name)
    return _told(done, "deleted_at_ms", "purge_after")


async def restore(stache: RAGPipeline, given: Answer) -> Answer:
    """Take a document out of the trash."""
    done = stache.document_index_provider.restore_document(
        given["doc_id"], given["namespace"], given["deleted_at_ms"]
    )
    try:
        _mark(stache, done, given["namespace"], "active")
    except S3VectorsError as error:
        raise RuntimeError(
            f"document {given['doc_id']} is out of the trash, but queries may not find all of it: "
            f"{error}. Send delete, then restore again"
        ) from error
    return _told(done, "status")


async def purge(stache: RAGPipeline, given: Answer) -> Answer:
    """Delete a document that is in the trash, for good; safe to repeat after a failure."""
    index, name = stache.document_index_provider, (given["doc_id"], given["namespace"])
    record = stache.get_document_record(*name) or {}
    job = stache.purge_trash_entry(*name, given["deleted_at_ms"])
    stache.documents_provider.delete(job["chunk_ids"], namespace=given["namespace"])
    index.complete_permanent_delete(
        *name, given["deleted_at_ms"], record.get("filename", "unknown")
    )
    index.delete_cleanup_job(job["cleanup_job_id"])
    return {**_told(job), "chunks_deleted": len(job["chunk_ids"])}


async def health(stache: RAGPipeline, given: Answer) -> Answer:  # noqa: ARG001 - as the others
    """That the store answers, and what it is."""
    return {
        "status": "ok",
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "embedding": stache.embedding_provider.get_name(),
        "document_index": stache.document_index_provider.get_name(),
        "documents": stache.documents_provider.get_collection_info(),
    }


def _mark(stache: RAGPipeline, document: Answer, namespace: str, status: str) -> None:
    if document.get("chunk_ids"):
        stache.documents_provider.update_status(document["chunk_ids"], namespace, status)


def _told(done: Answer, *names: str) -> Answer:
    return {name: done[name] for name in ("doc_id", "namespace", *names)}


_WHERE: Final[Fields] = {"namespace": str}
_TRASHED: Final[Fields] = {"doc_id": str, "deleted_at_ms": int}

ACTIONS: Final[Mapping[str, Action]] = {
    "ingest": Action(ingest, {"text": str}, {"filename": str, "metadata": dict, **_WHERE}),
    "query": Action(query, {"question": str}, {"top_k": int, "filter": dict, **_WHERE}),
    "delete": Action(delete, {"doc_id": str}, _WHERE),
    "restore": Action(restore, _TRASHED, _WHERE),
    "purge": Action(purge, _TRASHED, _WHERE),
    "health": Action(health),
}
"""The actions, each with the types of its fields."""

_TYPES: Final = {str: "a string that is not empty", int: "a whole number", dict: "an object"}


def _checked(event: Any) -> tuple[Action, Answer]:
    """The event's action and its fields.

    Raises:
        BadEventError: it is none of ours.
    """
    if not isinstance(event, dict) or "action" not in event:
        raise BadEventError(
            f"the event is {event!r:.80}; it must be an object with an action, such as "
            '{"action": "health"}; actions are ' + ", ".join(ACTIONS)
        )
    action = ACTIONS.get(event["action"]) if isinstance(event["action"], str) else None
    if action is None:
        raise BadEventError(
            f"action is {event['action']!r:.80}; {_choices(event['action'], ACTIONS)}"
        )
    given = {name: value for name, value in event.items() if name != "action"}
    fields = {**action.required, **action.optional}
    for name in given.keys() - fields.keys():
        raise BadEventError(f"{event['action']} takes no {name!r}; {_choices(name, fields)}")
    for name in action.required.keys() - given.keys():
        raise BadEventError(f"{event['action']} needs {name!r}: {_TYPES[fields[name]]}")
    for name, value in given.items():
        if type(value) is not fields[name] or value == "":
            raise BadEventError(f"{name} is {value!r:.80}; it must be {_TYPES[fields[name]]}")
    return action, given


def _choices(value: object, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(value), known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"it must be one of {', '.join(known) or 'none'}{meant}"
