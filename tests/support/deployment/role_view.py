"""A deployed store as one role sees it, and its owner, who prepares it for a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pytest
from click.testing import CliRunner

from stache_ai_s3vectors import S3VectorsProvider
from stache_ai_s3vectors.aws import connections
from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE, TEXT, index_variable
from stache_ai_s3vectors.tool.main import main
from support import plugins
from support.providers import create_settings
from support.simulated.roles import Decision
from word_hashing import WordHashingEmbeddings, embed

Environment: TypeAlias = Mapping[str, str]
"""Credentials, endpoint, region and the store's settings."""

TEXTS: Final = {"cat": "The cat sleeps.", "dog": "The dog barks.", "pets": "About pets."}
"""The texts that `Owner.reset` stores, by key: two chunks and a summary."""

_METADATA: Final = (
    {"doc_id": "d1"},
    {"doc_id": "d2"},
    {"_type": "document_summary", "doc_id": "d1"},
)


class ToolError(Exception):
    """The operator's tool failed. The message is its output."""


class Owner:
    """The deployer of the store, who has all permissions."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._documents = create_provider(environment)
        self._client = self._documents.client

    def list_keys(self, kind: str) -> set[str]:
        """Return the keys in Stache's index of a kind."""
        vectors = self._client.list_vectors(**self._name_index(kind))["vectors"]
        return {vector["key"] for vector in vectors}

    def reset(self) -> None:
        """Store exactly TEXTS in the index for documents, and empty the index for insights."""
        if surplus := self.list_keys("documents") - TEXTS.keys():
            self._documents.delete([*surplus])
        vectors = [embed(text) for text in TEXTS.values()]
        texts, keys = [*TEXTS.values()], [*TEXTS]
        self._documents.insert(vectors, texts, [*_METADATA], keys, namespace="home")
        self.create_insights("ENHANCED")

    def add_text_search(self) -> None:
        """Enable text search on the index for documents, and wait until it is ready."""
        names = self._name_index("documents")
        self._client.update_index_mode(**names, indexMode="ENHANCED")
        if not self._list_text_search_statuses():
            added = {"textSearchConfigurations": [{"metadataKey": TEXT}]}
            self._client.update_metadata_configuration(**names, add=added)
        while "BUILDING" in self._list_text_search_statuses():
            pass  # a thread of the engine builds it in a moment

    def _list_text_search_statuses(self) -> list[str]:
        index = self._client.get_index(**self._name_index("documents"))["index"]
        searches = index["metadataConfiguration"].get("textSearchConfigurations", [])
        return [search["status"] for search in searches]

    def delete_insights(self) -> None:
        """Delete the index for insights, if it exists."""
        with suppress(self._client.exceptions.NotFoundException):
            self._client.delete_index(**self._name_index("insights"))

    def create_insights(self, mode: Literal["CLASSIC", "ENHANCED"]) -> None:
        """Create an empty index for insights in this mode, without text search."""
        self.delete_insights()
        names = self._name_index("insights")
        self._client.put_vector_bucket_default_index_mode(
            vectorBucketName=names["vectorBucketName"], defaultIndexMode=mode
        )
        self._client.create_index(
            **names,
            dataType="float32",
            dimension=1024,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": [*NON_FILTERABLE]},
        )

    def _name_index(self, kind: str) -> dict[str, str]:
        return {
            "vectorBucketName": self._environment["S3VECTORS_BUCKET_NAME"],
            "indexName": self._environment[index_variable(kind)],
        }


@dataclass(frozen=True)
class RoleView:
    """A deployed store, seen by one role.

    Args:
        owner: the owner, who prepares the store.
        environment: the environment of the role under test.
        list_decisions: returns the decisions about the role so far.
        folder: a folder for files.
    """

    owner: Owner
    environment: Environment
    list_decisions: Callable[[], Sequence[Decision]]
    folder: Path

    @property
    def provider(self) -> S3VectorsProvider:
        """The provider on the index for documents, as the role."""
        return create_provider(self.environment)

    def create_provider(self, kind: str, **settings: str) -> S3VectorsProvider:
        """Create a provider on Stache's index of a kind, as the role, with more settings."""
        return create_provider({**self.environment, **settings}, kind)

    @property
    def client(self) -> Any:
        """A boto3 client of S3 Vectors, as the role."""
        return self.provider.client

    def run_tool(self, *arguments: str) -> Any:
        """Run the operator's tool as the role, and return what it prints with --json.

        Raises:
            ToolError: the tool failed.
        """
        plugins.register_provider("embeddings", "word-hashing", WordHashingEmbeddings)
        connections._process.connections.clear()  # in use, each command is a new process
        result = CliRunner().invoke(main, [*arguments, "--json"], env=self.environment)
        if result.exit_code:
            raise ToolError(result.output)
        return json.loads(result.stdout)

    def get_index_name(self, kind: str) -> str:
        """Return the name of Stache's index of a kind."""
        return self.environment[index_variable(kind)]


def create_provider(environment: Environment, kind: str = "documents") -> S3VectorsProvider:
    """Create a provider on Stache's index of a kind, in this environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        connections._process.connections.clear()  # forget cached descriptions of indexes
        provider = S3VectorsProvider(create_settings(), environment[index_variable(kind)])
        assert provider.client  # the first use reads the environment
        return provider
