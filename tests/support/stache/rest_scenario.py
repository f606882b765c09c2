"""A scenario of Stache's REST API: ingest, list, change, trash, restore, purge and more.

Each step has a name, a status and a response. A test compares them between two document indexes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from support.stache import laptop

Row: TypeAlias = tuple[int, Any]

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:\+00:00)?")
_TABLE_KEYS: Final = {"PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK"}
"""Keys of DynamoDB's items that Stache's API returns. Other document indexes do not have them."""

_TIMESTAMPS: Final = {"deleted_at_ms", "_deleted_at_ms"}


class Scenario:
    """The steps of one run, and their responses."""

    def __init__(self, url: str, folder: Path, clean_up: Callable[[], None]) -> None:
        self.rows: dict[str, Row] = {}
        self._url = url
        self._queue = folder / "data" / "queue"
        self._clean_up = clean_up

    def run(self) -> dict[str, Row]:
        """Run all steps in order, and return their statuses and responses by name."""
        self._use_namespaces()
        self._ingest_files()
        self._change_documents()
        self._use_trash()
        self._purge()
        self._ingest_again()
        self._use_insights()
        self._use_pending()
        return self.rows

    def _run_step(self, name: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        status, response = laptop.call(self._url, method, path, body, **query)
        self.rows[name] = (status, _mask_variable_parts(response))
        return response

    def _ingest_file(self, name: str, filename: str | None, text: str, **members: Any) -> Any:
        metadata = {"filename": filename} if filename else {}
        body = {"text": text, "namespace": "notes", "metadata": metadata, **members}
        return self._run_step(name, "POST", "/ingest", body)["doc_id"]

    def _query(self, name: str, words: str, namespace: str = "notes") -> None:
        body = {"query": words, "namespace": namespace, "synthesize": False, "rerank": False}
        self._run_step(name, "POST", "/query", {**body, "top_k": 3})

    def _list(self, name: str, **query: Any) -> Any:
        return self._run_step(name, "GET", "/documents", **query)

    def _use_namespaces(self) -> None:
        self._run_step(
            "create a namespace", "POST", "/namespaces", {"id": "notes", "name": "Notes"}
        )
        self._run_step("create it again", "POST", "/namespaces", {"id": "notes", "name": "Notes"})
        self._list("list no documents", namespace="notes")

    def _ingest_files(self) -> None:
        self.cat = self._ingest_file("ingest", "cat.txt", "The cat sleeps on the warm printer.")
        self._ingest_file("ingest the same again", "cat.txt", "The cat sleeps on the warm printer.")
        self._ingest_file(
            "ingest a second", "dog.txt", "The dog eats the slippers of the neighbours."
        )
        self._ingest_file("ingest a third", "owl.txt", "The owl reads old books at night.")
        self._run_step(
            "capture a thought", "POST", "/capture", {"text": "Buy milk.", "namespace": "notes"}
        )
        self._list("list all of a namespace", namespace="notes")
        self._list("list those with an extension", namespace="notes", extension="txt")
        self._list("list from a token of something else", namespace="notes", next_key='{"a": 1}')
        self._run_step("count a namespace", "GET", "/namespaces/notes")
        self._run_step("get a document", "GET", f"/documents/id/{self.cat}", namespace="notes")
        self._run_step("get one of another namespace", "GET", f"/documents/id/{self.cat}")
        self._query("ask", "Where does the cat sleep?")
        page = self._list("list a page", namespace="notes", limit=3)
        page = self._list(
            "list the next page", namespace="notes", limit=3, next_key=page["next_key"]
        )

    def _change_documents(self) -> None:
        where = {"current_namespace": "notes"}
        path = f"/documents/{self.cat}"
        self._run_step("rename", "PATCH", path, {"filename": "tomcat.txt"}, **where)
        self._run_step(
            "set metadata", "PATCH", path, {"metadata": {"stars": 5, "of": ["a"]}}, **where
        )
        self._run_step(
            "set metadata to a fraction", "PATCH", path, {"metadata": {"stars": 4.5}}, **where
        )
        self._run_step("change nothing", "PATCH", path, {}, **where)
        self._run_step(
            "change a missing document", "PATCH", "/documents/no", {"filename": "x"}, **where
        )
        self._run_step("move", "PATCH", path, {"namespace": "pets"}, **where)
        self._run_step(
            "get it in its old namespace", "GET", f"/documents/id/{self.cat}", namespace="notes"
        )
        self._run_step(
            "get the moved document", "GET", f"/documents/id/{self.cat}", namespace="pets"
        )
        self._query("ask where it is", "Where does the cat sleep?", "pets")

    def _use_trash(self) -> None:
        path, pets = f"/documents/id/{self.cat}", {"namespace": "pets"}
        deleted = self._run_step("delete", "DELETE", path, **pets)
        self._run_step("delete it twice", "DELETE", path, **pets)
        self._run_step("delete a missing document", "DELETE", "/documents/id/no", **pets)
        self._list("list without it", **pets)
        self._list("list documents without the deleted one")
        self._query("ask without it", "Where does the cat sleep?", "pets")
        self._run_step("list the trash", "GET", "/trash/", **pets)
        entry = {"doc_id": self.cat, **pets, "deleted_at_ms": deleted["deleted_at_ms"]}
        self._run_step("restore", "POST", "/trash/restore", entry)
        self._run_step("restore it twice", "POST", "/trash/restore", entry)
        self._run_step("list the empty trash", "GET", "/trash/")
        self._query("ask after it is restored", "Where does the cat sleep?", "pets")

    def _purge(self) -> None:
        pets = {"namespace": "pets"}
        deleted = self._run_step("delete again", "DELETE", f"/documents/id/{self.cat}", **pets)
        entry = {"doc_id": self.cat, **pets, "deleted_at_ms": deleted["deleted_at_ms"]}
        self._run_step("purge", "POST", "/trash/permanent", entry)
        self._run_step("purge it twice", "POST", "/trash/permanent", entry)
        self._run_step("list the trash after the purge", "GET", "/trash/")
        self._clean_up()
        self._run_step("restore a purged document", "POST", "/trash/restore", entry)
        self._run_step("get the purged document", "GET", f"/documents/id/{self.cat}", **pets)
        self._query("ask after it is purged", "Where does the cat sleep?", "pets")

    def _ingest_again(self) -> None:
        self._ingest_file(
            "ingest the purged text", "cat.txt", "The cat sleeps on the warm printer."
        )
        by_name = {"filename": "dog.txt", "namespace": "notes"}
        self._run_step("delete by name", "DELETE", "/documents", **by_name)
        self._run_step("delete by name twice", "DELETE", "/documents", **by_name)
        self._ingest_file(
            "ingest the deleted text", "dog.txt", "The dog eats the slippers of the neighbours."
        )
        for version, text in enumerate(("Monday.", "Tuesday.", "Wednesday."), 1):
            metadata = {"filename": "diary.md", "source_path": "notes/diary.md"}
            self._ingest_file(f"ingest version {version}", None, text, metadata=metadata)
        self._query("ask for the latest version", "Wednesday")
        self._list("list the latest version", namespace="notes", extension="md")
        self._run_step("list the previous versions", "GET", "/trash/", namespace="notes")
        data = base64.b64encode(b"# A file\n\nThe file is about whales.\n").decode()
        body = {"data_base64": data, "filename": "whales.md", "content_type": "text/markdown"}
        self._run_step("ingest a file", "POST", "/ingest", {**body, "namespace": "notes"})

    def _use_insights(self) -> None:
        body = {"content": "Cats like warm offsets.", "namespace": "notes", "tags": ["cat"]}
        insight = self._run_step("add an insight", "POST", "/insights", body)["insight_id"]
        where = {"namespace": "notes"}
        self._run_step("find an insight", "GET", "/insights/search", query="warm cats", **where)
        self._run_step("delete an insight", "DELETE", f"/insights/{insight}", **where)
        self._run_step("find no insight", "GET", "/insights/search", query="warm cats", **where)

    def _use_pending(self) -> None:
        self._queue.mkdir(parents=True, exist_ok=True)
        (self._queue / "scan1.pdf").write_bytes(make_pdf("An invoice for nine balloons."))
        item = {"id": "scan1", "original_filename": "scan.pdf", "suggested_filename": "invoice"}
        item |= {"suggested_namespace": "notes", "extracted_text": "An invoice"}
        item |= {"full_text_length": "30", "created_at": "2026-01-01T00:00:00+00:00"}
        (self._queue / "scan1.json").write_text(json.dumps(item))
        self._run_step("list what is pending", "GET", "/pending")
        body = {"filename": "invoice", "namespace": "notes"}
        self._run_step("approve it", "POST", "/pending/scan1/approve", body)
        self._query("ask for the approved scan", "How many balloons are on the invoice?")
        self._run_step("approve it twice", "POST", "/pending/scan1/approve", body)


def _mask_variable_parts(value: Any) -> Any:
    """Mask what differs between runs: ids, times and DynamoDB's keys."""
    if isinstance(value, dict):
        return {
            name: "<ms>" if name in _TIMESTAMPS else _mask_variable_parts(part)
            for name, part in value.items()
            if name not in _TABLE_KEYS
        }
    if isinstance(value, list):
        return [_mask_variable_parts(part) for part in value]
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, str):
        return _TIME.sub("<time>", _UUID.sub("<id>", value))
    return value


def make_pdf(text: str) -> bytes:
    """Make a PDF of one page with one line."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Font << /F1 5 0 R >> >>",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    tail = (
        f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    )
    return f"{body}{tail}startxref\n{len(body)}\n%%EOF\n".encode()
