"""boto3 alone, as its documentation has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3

from client_plain import NAMES, PAGE, PlainClient


class Client(PlainClient):
    """One client with its defaults."""

    def __init__(self) -> None:
        self.client = boto3.client("s3vectors")

    def put(self, records: list[Any]) -> None:
        """Store a batch."""
        self.client.put_vectors(**NAMES, vectors=records)

    def query(self, **question: Any) -> Any:
        """One query."""
        return self.client.query_vectors(**NAMES, **question)

    def list_pages(self) -> Iterator[Any]:
        """All vectors with their metadata."""
        return iter(
            self.client.get_paginator("list_vectors").paginate(
                **NAMES, returnMetadata=True, PaginationConfig={"PageSize": PAGE}
            )
        )
