"""A scenario of a deployed function, from the first document to the last purge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from support import ROOT
from support.deployment import deployables
from support.simulated import functions
from support.simulated.runtime import Function

RUNTIME: Final = f"python3.{sys.version_info.minor}"
"""The Lambda runtime that this machine can run."""
ARCHITECTURE: Final = functions.ARCHITECTURE
"""The processor architecture that this machine can run."""

CAT: Final = "The cat sleeps on the warm mat."
_QUESTION: Final = "where does the cat sleep?"


def build_zip(file: Path) -> None:
    """Build the function's zip for this machine as `make function` does."""
    command = (sys.executable, ROOT / "examples" / "lambda" / "build_package.py")
    options = ("--runtime", RUNTIME, "--architecture", ARCHITECTURE, "--zip", file)
    deployables.run_command(*command, *options, cwd=ROOT)


def exercise_function(function: Function) -> None:
    """Call every action of the function, and check the results."""
    assert function.invoke({"action": "health"})
    document = function.invoke({"action": "ingest", "text": CAT, "filename": "cat.txt"})
    assert find_texts(function) == [CAT]
    restored = _delete(function, document["doc_id"])
    assert find_texts(function) == []
    function.invoke({"action": "restore", **restored})
    assert find_texts(function) == [CAT]
    purged = _delete(function, document["doc_id"])
    function.invoke({"action": "purge", **purged})
    assert find_texts(function) == []


def find_texts(function: Function) -> list[str]:
    """Query for the cat, and return the texts of the passages."""
    response = function.invoke({"action": "query", "question": _QUESTION})
    return [passage["text"] for passage in response["passages"]]


def _delete(function: Function, doc_id: str) -> dict[str, Any]:
    """Move a document to the trash, and return what identifies it there."""
    response = function.invoke({"action": "delete", "doc_id": doc_id})
    return {"doc_id": doc_id, "deleted_at_ms": response["deleted_at_ms"]}
