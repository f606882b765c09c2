"""A deployed function's life, whatever deployed it: from its first document to the last purge."""

from __future__ import annotations

import sys
from typing import Any, Final

from simulated import functions
from simulated.runtime import Function

RUNTIME: Final = f"python3.{sys.version_info.minor}"
"""What a function is built for that runs here."""
ARCHITECTURE: Final = functions.ARCHITECTURE
"""The same."""

CAT: Final = "The cat sleeps on the warm mat."
_QUESTION: Final = "where does the cat sleep?"


def exercise_function(function: Function) -> None:
    """All that the function does, and that it did it."""
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
    """The texts that it finds about the cat."""
    response = function.invoke({"action": "query", "question": _QUESTION})
    return [passage["text"] for passage in response["passages"]]


def _delete(function: Function, doc_id: str) -> dict[str, Any]:
    """Move a document to the trash; what names it there."""
    response = function.invoke({"action": "delete", "doc_id": doc_id})
    return {"doc_id": doc_id, "deleted_at_ms": response["deleted_at_ms"]}
