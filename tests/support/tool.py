"""The command `stache-s3vectors`, run in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from click import Command, Context, Group
from click.testing import CliRunner, Result

from stache_ai_s3vectors import S3VectorsProvider
from stache_ai_s3vectors.tool.lazy import LazyCommand
from stache_ai_s3vectors.tool.main import main
from support import providers

BUCKET = ("--bucket", "my-bucket")
LOCAL = (*BUCKET, "--endpoint", "local:data", "--dimension", "4")
"""The options for the index that `create_filled_provider` creates."""

TEXTS = ("plain", 'with\nnewlines and "quotes"', "grüße, 世界 \u2028 🎉", '"vector":[1],"sum":"')
METADATA: tuple[dict[str, Any], ...] = (
    {"doc_id": "d1", "page": 1, "tags": ["a", "b"], "numbers": [1, 2.5]},
    {"doc_id": "d2", "ratio": 1 / 3, "big": 2**60, "nested": {"a": [1, None]}, "nothing": None},
    {"doc_id": 'd"3', "flag": True, "title": "ß" * 900, "float32": [1.0, 2.0]},
)
"""Metadata that changes if a value is converted on the way."""


def run(*arguments: str, **options: Any) -> Result:
    """Run the command, and return its result."""
    return CliRunner().invoke(main, arguments, **options)


def list_commands(
    group: Group = main, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, Command]]:
    """Yield every runnable command with its full name, for example `indexes create`."""
    for name, each in group.commands.items():
        command = each.load() if isinstance(each, LazyCommand) else each
        if isinstance(command, Group):
            yield from list_commands(command, (*words, name))
        if not isinstance(command, Group) or command.invoke_without_command:
            yield " ".join([*words, name]), command


def parse_arguments(group: Group, arguments: list[str]) -> Context:
    """Parse the arguments of a group's command without running it.

    The context has the group as its parent, as in normal use: a command caches the names of its
    help option at its first use.
    """
    name, *rest = arguments
    parent = group.make_context(group.name, [*arguments])
    return group.commands[name].make_context(name, rest, parent=parent)


def run_checked(*arguments: str) -> str:
    """Run the command, check that it succeeds, and return what it prints."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def read_json(*arguments: str) -> Any:
    """Run the command with --json, and return the JSON that it prints."""
    return json.loads(run_checked(*arguments, "--json"))


def create_filled_provider(count: int, **settings: Any) -> S3VectorsProvider:
    """Create a provider and its index, and insert `count` chunks of different kinds."""
    defaults = {"s3vectors_endpoint_url": "local:data", "s3vectors_create_index": True}
    provider = providers.create_provider("documents", **{**defaults, **settings})
    numbers = range(count)
    provider.insert(
        providers.create_vectors(count),
        [TEXTS[n % len(TEXTS)] for n in numbers],
        [{**METADATA[n % len(METADATA)], "n": n} for n in numbers],
        [f"key-{n * 7919 % count:05}" for n in numbers],  # not in sorted order
        namespace="books",
    )
    return provider


def read_contents(provider: S3VectorsProvider) -> dict[str, Any]:
    """Return all vectors as they are stored, by key."""
    names = {"vectorBucketName": provider.bucket_name, "indexName": provider.index_name}
    pages = provider.client.get_paginator("list_vectors").paginate(
        **names, returnData=True, returnMetadata=True
    )
    return {vector.pop("key"): vector for page in pages for vector in page["vectors"]}
