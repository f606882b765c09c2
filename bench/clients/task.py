"""One client of S3 Vectors on one task, in a process and an environment of its own.

    python bench/clients/task.py NAME TASK URL COUNT

client_NAME is a module beside this one; URL is the server's, with a bucket and an index as
provider.py made them. Prints a JSON document.
"""

from __future__ import annotations

import sys
import time

BEGAN = time.perf_counter()  # before anything of the client is imported

import gc
import importlib
import json
import os
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))

CALL: Final = 500
"""Vectors that Stache hands over at a time."""


def make(name: str, url: str) -> Any:
    """The client, as a user makes it."""
    os.environ.update(
        AWS_ENDPOINT_URL_S3VECTORS=url,
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="y",  # noqa: S106 - dummies
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        S3VECTORS_BUCKET="bench",
        S3VECTORS_DOCUMENTS_INDEX="documents",
        S3VECTORS_INDEX="documents",
        EMBEDDING_DIMENSION="1024",
    )
    return importlib.import_module(f"client_{name}").Client()


def chunks(corpus: Any, start: int, count: int) -> dict[str, Any]:
    """What Stache hands over: lists of Python floats, texts, metadata."""
    metadatas = [corpus.metadata(start + n) for n in range(count)]
    texts = [metadata.pop("text") for metadata in metadatas]
    for metadata in metadatas:
        metadata["headings"] = ["Einführung", "Über Vektoren"]  # not all the world writes ASCII
    ids = [f"chunk-{start + n}" for n in range(count)]
    vectors = corpus.vectors(count).tolist()
    return {"vectors": vectors, "texts": texts, "metadatas": metadatas, "ids": ids}


def start(client: Any, _: int) -> Any:
    """Seconds from before the import until the client is made."""
    del client
    return time.perf_counter() - BEGAN


def insert(client: Any, count: int) -> Any:
    """Processor milliseconds for each vector, call by call; the first warms up."""
    corpus = corpus_of()
    client.insert(**chunks(corpus, 0, CALL))
    costs = []
    for first in range(CALL, CALL + count, CALL):
        given = chunks(corpus, first, CALL)
        gc.collect()
        costs.append(computing(partial(client.insert, **given)) / CALL)
    return costs


def search(client: Any, count: int) -> Any:
    """Processor milliseconds for each search for the top 10."""
    questions = corpus_of().vectors(count + 5).tolist()
    for question in questions[:5]:
        assert len(client.search(question)) == 10  # noqa: S101, PLR2004 - else it is no search
    return [computing(partial(client.search, question)) for question in questions[5:]]


def ingest(client: Any, count: int) -> Any:
    """Seconds to store so many in one call, the requests, and how many were sent again."""
    given = chunks(corpus_of(), 0, count)
    tries: list[int] = []
    if hasattr(client, "provider"):
        client.provider.client.meta.events.register(
            "after-call.s3vectors.PutVectors",
            lambda parsed, **_: tries.append(parsed["ResponseMetadata"]["RetryAttempts"]),
        )
    began = time.perf_counter()
    client.insert(**given)
    return {
        "seconds": time.perf_counter() - began,
        "requests": len(tries),
        "sent again": sum(tries),
    }


def count(client: Any, expected: int) -> Any:
    """Seconds to count half of so many by filter."""
    began = time.perf_counter()
    found = client.count({"half": 1})
    took = time.perf_counter() - began
    assert found == expected // 2, found  # noqa: S101 - else it did not count
    return took


def count_all(client: Any, expected: int) -> Any:
    """Fails if any of so many is not there."""
    found = client.count({})
    assert found == expected, found  # noqa: S101 - what it is for
    return found


def memory(client: Any, count: int) -> Any:
    """Peak resident megabytes after each of ten calls of a tenth of so many."""
    corpus = corpus_of()
    peaks = []
    for number in range(10):
        client.insert(**chunks(corpus, number * count // 10, count // 10))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return peaks


def corpus_of() -> Any:
    """The records that all clients get."""
    return importlib.import_module("records").Corpus()


def computing(call: Callable[[], object]) -> float:
    """Processor milliseconds of a call, in all threads of this process."""
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


TASKS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "start": start,
    "insert": insert,
    "search": search,
    "ingest": ingest,
    "count": count,
    "count all": count_all,
    "memory": memory,
}


def main() -> None:
    """Run one task."""
    name, task, url, number = sys.argv[1:]
    print(json.dumps(TASKS[task](make(name, url), int(number))))


if __name__ == "__main__":
    main()
