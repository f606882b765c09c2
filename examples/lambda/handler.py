"""Stache as an AWS Lambda function: ingest, query, delete, restore, purge, health.

An event is an object with an `action` and what that action takes (`ACTIONS`):

    aws lambda invoke --function-name NAME --cli-binary-format raw-in-base64-out \
      --payload '{"action": "query", "question": "What is a vector?"}' answer.json

An error is raised, so the invocation fails and its answer has the reason.

A `status` of your own in a document's metadata is kept and can be filtered on, until the document
is deleted: delete and restore set it to "deleting" and "active".

With SnapStart, Lambda copies the function as it is when this module has been imported. Then it has
loaded what it needs, but has no client, connection or credentials, and no random number is drawn.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any, Final, TypeAlias

from stache_ai.config import Settings
from stache_ai.providers import EmbeddingProviderFactory, plugin_loader
from stache_ai.rag.pipeline import RAGPipeline

import documents
from documents import BadEventError
from stache_ai_s3vectors import time_limit
from word_hashing import WordHashingEmbeddings

Answer: TypeAlias = dict[str, Any]
Fields: TypeAlias = Mapping[str, type]

PACKAGES: Final = ("stache-ai", "stache-ai-s3vectors", "stache-ai-dynamodb", "boto3")
DEFAULT_NAMESPACE: Final = "default"
BOTO3_SERVICES: Final = ("bedrock-runtime", "dynamodb")
"""The services that Stache calls with boto3's default session."""


@dataclass(frozen=True)
class Action:
    """An action, and the fields that its event must and may have."""

    run: Callable[[RAGPipeline, Answer], Awaitable[Answer]]
    required: Fields = field(default_factory=dict)
    optional: Fields = field(default_factory=dict)


@cache
def pipeline() -> RAGPipeline:
    """Stache's pipeline, built once and reused while the function is warm."""
    EmbeddingProviderFactory.register("word-hashing", WordHashingEmbeddings)
    return RAGPipeline(Settings())


def prepare() -> None:
    """Load before the snapshot what each copy would otherwise load at its first event.

    Stache's providers check their tables when they are built, so only their classes are loaded.
    """
    import boto3  # here: a start without a snapshot may do without

    stache = pipeline()
    plugin_loader.load_all()
    stache.documents_provider.preload()
    # The session keeps the models; with these keys, it gets no credentials
    for service in BOTO3_SERVICES:
        boto3.client(
            service,
            stache.config.aws_region,
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106 - signs nothing
        )


def handler(event: Any, context: Any) -> Answer:
    """Carry out one event.

    Requests to S3 Vectors are retried for half of the time that the invocation has left. The rest
    is for reporting what failed.

    Raises:
        BadEventError: there is no such action, or its fields are missing, unknown or wrong.
        S3VectorsError: the vector store refused, or could not be reached.
        ValueError: there is no such document, or it is not in the trash.
    """
    random.seed()  # copies of one snapshot would all wait alike before boto3's retries
    action, values = _check_event(event)
    with time_limit(context.get_remaining_time_in_millis() / 2000):
        return asyncio.run(_run(action, values))


async def _run(action: Action, values: Answer) -> Answer:
    return await action.run(pipeline(), {"namespace": DEFAULT_NAMESPACE, **values})


async def ingest(stache: RAGPipeline, values: Answer) -> Answer:
    """Store a text; one of the same filename and content is left alone, an older is replaced."""
    known = {"filename": values["filename"]} if "filename" in values else {}
    done = await stache.ingest_text(
        values["text"],
        metadata={**values.get("metadata", {}), **known},
        namespace=values["namespace"],
    )
    record = stache.get_document_record(done["doc_id"], values["namespace"])
    if done["action"] == "skipped":
        documents.check_skipped(stache, values, done, record)
    elif record is None:
        documents.withdraw(stache, values, done)
    if done.get("previous_doc_id"):
        documents.retire(stache, done["previous_doc_id"], values["namespace"])
    return {name: done.get(name) for name in ("doc_id", "namespace", "chunks_created", "action")}


async def query(stache: RAGPipeline, values: Answer) -> Answer:
    """The passages that are nearest to a question."""
    response = await stache.query(
        values["question"],
        top_k=values.get("top_k", 5),
        synthesize=False,
        namespace=values["namespace"],
        filter=values.get("filter"),
    )
    return {"question": values["question"], "passages": response["sources"]}


async def delete(stache: RAGPipeline, values: Answer) -> Answer:
    """Move a document to the trash; its `deleted_at_ms` names it there. Safe to repeat."""
    return documents.move_to_trash(stache, values["doc_id"], values["namespace"])


async def restore(stache: RAGPipeline, values: Answer) -> Answer:
    """Take a document out of the trash."""
    return documents.restore(stache, values["doc_id"], values["namespace"], values["deleted_at_ms"])


async def purge(stache: RAGPipeline, values: Answer) -> Answer:
    """Delete a document that is in the trash, for good. Safe to repeat after a failure."""
    return documents.purge(stache, values["doc_id"], values["namespace"], values["deleted_at_ms"])


async def health(stache: RAGPipeline, values: Answer) -> Answer:  # noqa: ARG001 - as the others
    """Check that the store answers, and describe it."""
    return {
        "status": "ok",
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "embedding": stache.embedding_provider.get_name(),
        "document_index": stache.document_index_provider.get_name(),
        "documents": stache.documents_provider.get_collection_info(),
    }


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


def _check_event(event: Any) -> tuple[Action, Answer]:
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
            f"action is {event['action']!r:.80}; {_list_choices(event['action'], ACTIONS)}"
        )
    values = {name: value for name, value in event.items() if name != "action"}
    fields = {**action.required, **action.optional}
    for name in values.keys() - fields.keys():
        raise BadEventError(f"{event['action']} takes no {name!r}; {_list_choices(name, fields)}")
    for name in action.required.keys() - values.keys():
        raise BadEventError(f"{event['action']} needs {name!r}: {_TYPES[fields[name]]}")
    for name, value in values.items():
        if type(value) is not fields[name] or value == "":
            raise BadEventError(f"{name} is {value!r:.80}; it must be {_TYPES[fields[name]]}")
    _check_names(event["action"], values)
    return action, values


def _check_names(action: str, values: Answer) -> None:
    """Names that begin with _ are Stache's own, and * stands for all namespaces below one."""
    for key in values.get("metadata", ()):
        if key.startswith("_"):
            raise BadEventError(f"metadata has {key!r}; keys that begin with _ are Stache's own")
    if "*" in values.get("namespace", "") and action != "query":
        raise BadEventError(
            f"namespace is {values['namespace']!r}; * stands for what is below it, in queries only"
        )


def _list_choices(value: object, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"it must be one of {', '.join(known) or 'none'}{hint}"


if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    prepare()
