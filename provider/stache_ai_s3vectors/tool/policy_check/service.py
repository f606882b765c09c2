"""The actions of S3 Vectors, from the engine, and the meaning of wrong names. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from s3vectors_local import Caller
from s3vectors_local.iam import ACTIONS, find_needs
from s3vectors_local.iam.patterns import matches_action

PREFIX: Final = "s3vectors:"
BUCKET: Final = "bucket"
INDEX: Final = "index"

_CALLER: Final = Caller()
_BUCKET_ARN: Final = _CALLER.format_bucket_arn("bucket")
_REQUEST: Final[Mapping[str, Any]] = {
    "vectorBucketName": "bucket",
    "indexName": "index",
    "tags": {"": "value"},
    "tagKeys": ["key"],
    "encryptionConfiguration": {"sseType": "aws:kms", "kmsKeyArn": "arn"},
}
"""All members of requests that permissions depend on."""


@dataclass(frozen=True)
class Action:
    """What the engine authorizes an action on, and the condition keys of its requests.

    Args:
        kinds: "bucket", "index" or both; nothing when only the Resource "*" allows it.
        keys: in lower case; after one that ends in "/" the key of a tag follows.
    """

    kinds: frozenset[str]
    keys: frozenset[str]


@cache
def list_actions() -> Mapping[str, Action]:
    """Every action, by its name without the prefix."""
    names = sorted(action.removeprefix(PREFIX) for action in ACTIONS)
    return MappingProxyType({name: _describe(name) for name in names})


def _describe(name: str) -> Action:
    arns = (_BUCKET_ARN, f"{_BUCKET_ARN}/index/index")
    requests = [{**_REQUEST, "resourceArn": arn} for arn in arns]
    needs = [find_needs(name, request, _CALLER, lambda _: {"": ""})[0] for request in requests]
    kinds = frozenset(get_kind(need.resource) for need in needs) - {""}
    return Action(kinds, frozenset(key for need in needs for key in need.context if kinds))


def get_kind(resource: str) -> str:
    """Whether an ARN is a bucket's or an index's; "" for "*"."""
    if resource == "*":
        return ""
    return INDEX if "/index/" in resource else BUCKET


def expand_action(pattern: str) -> tuple[str, ...]:
    """The actions of S3 Vectors that a pattern matches, without their prefix."""
    return tuple(name for name in list_actions() if matches_action(pattern, PREFIX + name))


_VERBS: Final = {
    **dict.fromkeys(("Add", "Insert", "Save", "Set", "Store", "Upload", "Upsert", "Write"), "Put"),
    **dict.fromkeys(("BatchGet", "Describe", "Fetch", "Head", "Read", "Retrieve"), "Get"),
    **dict.fromkeys(("Find", "Search"), "Query"),
    **dict.fromkeys(("Destroy", "Drop", "Erase", "Purge", "Remove"), "Delete"),
    **dict.fromkeys(("Make", "New"), "Create"),
    **dict.fromkeys(("Enumerate", "Scan", "Show"), "List"),
    **dict.fromkeys(("Alter", "Change", "Modify"), "Update"),
}
_NOUNS: Final = {
    "Bucket": "VectorBucket",
    "Buckets": "VectorBuckets",
    "Embedding": "Vectors",
    "Embeddings": "Vectors",
    "Indices": "Indexes",
    "Tags": "TagsForResource",
    "Vector": "Vectors",
    "VectorIndex": "Index",
    "VectorIndexes": "Indexes",
}


def guess_action(name: str) -> str | None:
    """The action, with its prefix, that a name means: by its words, else by its spelling."""
    if expand_action(PREFIX + name):
        return PREFIX + name
    by_lower = {known.lower(): known for known in list_actions()}
    names = [candidate.lower() for candidate in _translate(name) if candidate.lower() in by_lower]
    names += get_close_matches(name.lower(), by_lower, 1)
    return PREFIX + by_lower[names[0]] if names else None


def _translate(name: str) -> list[str]:
    """The name in the service's words: "InsertVector" is "PutVectors"."""
    verb = next((verb for verb in _VERBS if re.match(rf"{verb}(?=[A-Z])", name)), "")
    word = re.match(r"[A-Z][a-z]+", name)
    first = verb or (word[0] if word else "")
    noun = name[len(first) :]
    verb = _VERBS.get(first, first)
    names = [verb + candidate for candidate in (_NOUNS.get(noun, noun), noun)]
    return [*names, "QueryVectors"] if verb == "Query" else names
