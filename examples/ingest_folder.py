"""Ingest a folder of files into a running Stache, over its API.

Stache skips Markdown and text files that it has, and replaces those that have changed. Other
formats are replaced each time. Stache has a loader for PDF; `stache-ai-documents` adds DOCX, PPTX
and EPUB.

    python examples/ingest_folder.py examples/files --namespace files
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

TEXTS: Final = {".md", ".txt"}


def call(url: str, method: str, path: str, body: Any = None) -> Any:
    """Call Stache's API; returns None for status 404.

    Raises:
        OSError: Stache cannot be reached, or refuses the request.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - the user's own Stache
        f"{url}/api{path}", data, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 404:  # noqa: PLR2004 - HTTP's "not found"
                raise
        return None


def ingest(url: str, folder: Path, path: Path, namespace: str) -> Any:
    """Ingest one file; returns Stache's job."""
    source = path.relative_to(folder).as_posix()
    if path.suffix.lower() in TEXTS:
        body = {
            "text": path.read_text(encoding="utf-8"),
            "metadata": {"filename": path.name, "source_path": source},
        }
    else:
        # Stache 0.3.0 looks for duplicates among texts only; what it calls a file name here is
        # the source path of a document that has one
        where = urllib.parse.urlencode({"filename": source, "namespace": namespace})
        call(url, "DELETE", f"/documents?{where}")
        body = {
            "data_base64": base64.b64encode(path.read_bytes()).decode(),
            "filename": path.name,
            "content_type": "application/octet-stream",
            "metadata": {"source_path": source},
        }
    return call(url, "POST", "/ingest", {**body, "namespace": namespace})


def ingest_folder(url: str, folder: Path, namespace: str) -> int:
    """Ingest every file below a folder; returns how many failed."""
    failures = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            job = ingest(url, folder, path, namespace)
        except UnicodeDecodeError:
            job = {"status": "failed", "error_detail": "is not UTF-8; convert it first"}
        chunks = f"{job['chunks_created']} chunks" if job["status"] == "done" else ""
        detail = job["error_detail"] or chunks
        print(f"{path.relative_to(folder)}: {job['status']} {detail}".rstrip())
        failures += job["status"] == "failed"
    return failures


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what to ingest")
    parser.add_argument("--namespace", default="default", help="where Stache keeps it")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="URL of the running Stache")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        sys.exit(f"ingest_folder: {arguments.folder} is not a folder")
    try:
        failures = ingest_folder(arguments.url, arguments.folder, arguments.namespace)
    except OSError as error:
        sys.exit(f"ingest_folder: {arguments.url}: {error}; start Stache first (make stache)")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
