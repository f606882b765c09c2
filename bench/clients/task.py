"""One client of S3 Vectors on one task, in a process and an environment of its own.

    python bench/clients/task.py NAME TASK URL COUNT DIMENSION

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


def make(name: str, url: str, dimension_: str) -> Any:
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
        EMBEDDING_DIMENSION=dimension_,
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
    corpus, call = corpus_of(), records().call(dimension())
    client.insert(**chunks(corpus, 0, call))
    costs = []
    for first in range(call, call + count, call):
        given = chunks(corpus, first, call)
        gc.collect()
        costs.append(computing(partial(client.insert, **given)) / call)
    return costs


def search(client: Any, count: int) -> Any:
    """Processor milliseconds for each search for the top 10."""
    questions = corpus_of().vectors(count + 5).tolist()
    for question in questions[:5]:
        assert len(client.search(question)) == 10  # noqa: S101, PLR2004 - else it is no search
    return [computing(partial(client.search, question)) for question in questions[5:]]


def fill(client: Any, count: int) -> Any:
    """Store so many; not timed."""
    corpus, call = corpus_of(), records().call(dimension())
    for first in range(0, count, call):
        client.insert(**chunks(corpus, first, call))


def ingest(client: Any, count: int) -> Any:
    """Seconds to store so many in one call, and before the first request; how many there were."""
    given = chunks(corpus_of(), 0, count)
    tries: list[int] = []
    sent: list[float] = []
    boto = client.provider.client if hasattr(client, "provider") else client.client
    boto.meta.events.register(
        "after-call.s3vectors.PutVectors",
        lambda parsed, **_: tries.append(parsed["ResponseMetadata"]["RetryAttempts"]),
    )
    boto.meta.events.register(
        "before-send.s3vectors.PutVectors", lambda **_: sent.append(time.perf_counter())
    )
    began = time.perf_counter()
    client.insert(**given)
    return {
        "seconds": time.perf_counter() - began,
        "before": sent[0] - began,
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


def scan(client: Any, expected: int) -> Any:
    """Processor milliseconds for each vector, of counting half of so many by filter."""
    count(client, expected)  # warms up
    return [computing(partial(count, client, expected)) / expected for _ in range(3)]


def faulty(client: Any, calls: int) -> Any:
    """For each of so many inserts: null, or how many the error that it raised names as stored."""
    corpus, size = corpus_of(), records().LARGE_CALL
    said: list[int | None] = []
    for number in range(calls):
        given = chunks(corpus, number * size, size)
        try:
            client.insert(**given)
        except Exception as error:  # noqa: BLE001 - each client has errors of its own
            said.append(len(getattr(error, "done", ())))
        else:
            said.append(None)
    return said


def present(client: Any, calls: int) -> Any:
    """How many vectors of each of so many inserts are there."""
    size = records().LARGE_CALL
    keys = [[f"chunk-{number * size + n}" for n in range(size)] for number in range(calls)]
    return [len(client.provider.get_by_ids(of_one)) for of_one in keys]


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
    return records().Corpus(dimension=dimension())


def dimension() -> int:
    """Of the embeddings, as the client was told."""
    return int(os.environ["EMBEDDING_DIMENSION"])


def records() -> Any:
    """The module; it takes numpy with it, which not all clients import to start."""
    return importlib.import_module("records")


def computing(call: Callable[[], object]) -> float:
    """Processor milliseconds of a call, in all threads of this process."""
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


TASKS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "start": start,
    "insert": insert,
    "search": search,
    "fill": fill,
    "ingest": ingest,
    "count": count,
    "scan": scan,
    "count all": count_all,
    "faulty": faulty,
    "present": present,
    "memory": memory,
}


def main() -> None:
    """Run one task."""
    name, task, url, number, dimension_ = sys.argv[1:]
    print(json.dumps(TASKS[task](make(name, url, dimension_), int(number))))


if __name__ == "__main__":
    main()
