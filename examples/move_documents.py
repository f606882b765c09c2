"""Copy the document index from a laptop's SQLite file to the DynamoDB table of a deployed stack.

Stache then lists, trashes and restores the documents as before. Copy the vectors first, with
`stache-s3vectors copy`. Items of the laptop replace those in the table, so you can repeat an
interrupted run.

    python examples/move_documents.py data/documents.db --table stache-documents --region us-east-1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from stache_ai.config import Settings
from stache_ai_dynamodb import DynamoDBDocumentIndex, sanitize_for_dynamodb

from stache_ai_s3vectors import S3VectorsError
from stache_ai_s3vectors.plugins.document_index.contents import Contents, read_contents

Item: TypeAlias = dict[str, Any]


def to_items(contents: Contents, target: Any) -> Iterator[Item]:
    """The table's items; the target makes their keys, as its version does."""
    for record in contents.documents:
        yield _to_document(record, target)
    for entry in contents.trash:
        key = target._make_trash_pk(entry["namespace"], entry["filename"], entry["deleted_at_ms"])
        listed = {"GSI1PK": "TRASH", "GSI1SK": entry["deleted_at"]}
        yield {"PK": key, "SK": "ENTRY", **listed, **entry}
    for record in contents.reservations:
        names = ("content_hash", "filename", "namespace")
        key, _ = target._compute_identifier(
            *(record[name] for name in names), record.get("source_path")
        )
        yield {"PK": key, "SK": "RESERVATION", **record}
    for job in contents.jobs:
        waiting = {"status": "pending", "retry_count": 0}  # Stache retries what it gave up
        yield {"PK": f"CLEANUP#{job['cleanup_job_id']}", "SK": "JOB", **job, **waiting}


def _to_document(record: Item, target: Any) -> Item:
    created = target._make_gsi1sk(record["created_at"])
    place = (record["namespace"], record["filename"], record.get("source_path"))
    return {
        "PK": target._make_pk(record["namespace"], record["doc_id"]),
        "SK": "METADATA",
        "GSI1PK": target._make_gsi1pk(record["namespace"]),
        "GSI1SK": created,
        "GSI2PK": target._make_gsi2pk(*place),
        "GSI2SK": created,
        **record,
    }


def read_file(path: Path) -> Contents:
    """The content of the file.

    Raises:
        ValueError: the file does not exist.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}; name the document index on SQLite")
    return read_contents(path.resolve())


def write_items(contents: Contents, target: Any) -> int:
    """Write everything to the target's table; returns the number of items."""
    items = list(to_items(contents, target))
    with target.table.batch_writer(overwrite_by_pkeys=["PK", "SK"]) as batch:
        for item in items:
            batch.put_item(Item=sanitize_for_dynamodb(item))
    return len(items)


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, help="the file of the document index on SQLite")
    parser.add_argument("--table", required=True, help="DYNAMODB_DOCUMENTS_TABLE of that Stache")
    parser.add_argument("--region", required=True, help="region of the table")
    arguments = parser.parse_args()
    settings = Settings(dynamodb_documents_table=arguments.table, aws_region=arguments.region)
    try:
        contents = read_file(arguments.path)
        count = write_items(contents, DynamoDBDocumentIndex(settings))
    except (S3VectorsError, ValueError) as error:
        print(f"move_documents: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{count} items written to {arguments.table}")


if __name__ == "__main__":
    main()
