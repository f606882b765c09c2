"""One client of S3 Vectors on one task, in a process and an environment of its own.

    python bench/client_task.py NAME TASK URL COUNT DIMENSION

NAME is a client, TASK a method of `Tasks` or "start", URL a server's, with a bucket and an index.
Writes a JSON document.
"""

from __future__ import annotations

import sys
import time

BEGAN = time.perf_counter()  # before anything of the client is imported

import cProfile
import gc
import importlib
import json
import os
import pstats
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from clients import CLIENTS

OWNERS: Final = {
    "stache_ai_s3vectors": "this provider",
    "botocore": "botocore",
    "urllib3": "urllib3",
    "/http/": "Python's http and email",
    "/email/": "Python's http and email",
    "_socket": "sockets",
    "orjson": "orjson",
}
"""What is in a file's path, or in the name of what Python is built of → whose code it is."""


def connect(name: str, url: str, dimension: str) -> Any:
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
        EMBEDDING_DIMENSION=dimension,
    )
    return CLIENTS[name].make()


def time_processor(call: Callable[..., object], *args: Any, **kwargs: Any) -> float:
    """Processor milliseconds of a call, in all threads of this process."""
    began = time.process_time()
    call(*args, **kwargs)
    return (time.process_time() - began) * 1000


class Tasks:
    """What a client is measured at; `count` is how many vectors, searches or calls."""

    def __init__(self, client: Any, count: int, dimension: int) -> None:
        # It takes numpy with it, which not all clients import to start
        dataset = importlib.import_module("dataset")
        self.client, self.count, self.corpus = client, count, dataset.Corpus(dimension=dimension)
        self.size, self.large = dataset.choose_call_size(dimension), dataset.LARGE_CALL

    def draw_calls(self, count: int, size: int) -> Iterator[Any]:
        """What Stache hands over, call by call, for so many vectors."""
        for first in range(0, count, size):
            chunks = self.corpus.draw_chunks(first, size)
            gc.collect()
            yield chunks

    def insert(self) -> list[float]:
        """Processor milliseconds for each vector, call by call; the first warms up."""
        calls = self.draw_calls(self.size + self.count, self.size)
        times = [time_processor(self.client.insert, **chunks) / self.size for chunks in calls]
        return times[1:]

    def search(self) -> list[float]:
        """Processor milliseconds for each search for the top 10."""
        questions = self.corpus.draw_vectors(self.count + 5).tolist()
        for question in questions[:5]:
            assert len(self.client.search(question)) == 10  # noqa: S101, PLR2004 - else it is no search
        return [time_processor(self.client.search, question) for question in questions[5:]]

    def rate(self) -> list[tuple[float, float]]:
        """Vectors a second, call by call: of the server's share of the time, and of all of it."""
        rates = []
        for chunks in self.draw_calls(self.count, self.size):
            began = time.perf_counter()
            computing = time_processor(self.client.insert, **chunks) / 1000
            seconds = time.perf_counter() - began
            rates.append((self.size / (seconds - computing), self.size / seconds))
        return rates

    def query(self) -> list[float]:
        """Milliseconds of each query for ten keys, as the caller sees it."""
        times = []
        for question in self.corpus.draw_vectors(self.count + 1).tolist():
            began = time.perf_counter()
            self.client.call("query_vectors", queryVector={"float32": question}, topK=10)
            times.append((time.perf_counter() - began) * 1000)
        return times[1:]

    def fill(self) -> None:
        """Store so many; not timed."""
        for chunks in self.draw_calls(self.count, self.size):
            self.client.insert(**chunks)

    def ingest(self) -> dict[str, float]:
        """Seconds to store all in one call, and before the first request; how many there were."""
        [chunks] = self.draw_calls(self.count, self.count)
        retries: list[int] = []
        sent: list[float] = []

        def count_retries(parsed: Any, **_: Any) -> None:
            retries.append(parsed["ResponseMetadata"]["RetryAttempts"])

        events = getattr(self.client, "provider", self.client).client.meta.events
        events.register("after-call.s3vectors.PutVectors", count_retries)
        events.register(
            "before-send.s3vectors.PutVectors", lambda **_: sent.append(time.perf_counter())
        )
        began = time.perf_counter()
        self.client.insert(**chunks)
        seconds, before = time.perf_counter() - began, sent[0] - began
        counts = {"requests": len(sent), "retries": sum(retries)}
        return {"seconds": seconds, "before": before, **counts}

    def count_half(self) -> float:
        """Seconds to count half of so many by filter."""
        began = time.perf_counter()
        counted = self.client.count({"half": 1})
        seconds = time.perf_counter() - began
        assert counted == self.count // 2, counted  # noqa: S101 - else it did not count
        return seconds

    def count_all(self) -> None:
        """Fails if any of so many is missing."""
        counted = self.client.count({})
        assert counted == self.count, counted  # noqa: S101 - what it is for

    def scan(self) -> list[float]:
        """Processor milliseconds for each vector, of counting half of so many by filter."""
        return [time_processor(self.count_half) / self.count for _ in range(4)][1:]  # one warms up

    def insert_under_faults(self) -> list[int | None]:
        """For each of so many inserts: null, or how many the error that it raised names stored."""
        calls = self.draw_calls(self.count * self.large, self.large)
        return [self.count_named(chunks) for chunks in calls]

    def count_named(self, chunks: Any) -> int | None:
        """None for an insert that succeeds, or how many vectors its error names as stored."""
        try:
            self.client.insert(**chunks)
        except Exception as error:  # noqa: BLE001 - each client has errors of its own
            return len(getattr(error, "done", ()))
        return None

    def count_stored(self) -> list[int]:
        """How many vectors of each of so many inserts are stored."""
        firsts = range(0, self.count * self.large, self.large)
        calls = ([f"chunk-{first + n}" for n in range(self.large)] for first in firsts)
        return [len(self.client.provider.get_by_ids(keys)) for keys in calls]

    def watch_memory(self) -> list[float]:
        """Peak resident megabytes after each of ten calls of a tenth of so many."""
        peaks = []
        for number in range(10):
            first, size = number * self.count // 10, self.count // 10
            self.client.insert(**self.corpus.draw_chunks(first, size))
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return peaks

    def profile(self) -> list[dict[str, float]]:
        """Whose code the processor time of so many searches is spent in, run by run."""
        questions = self.corpus.draw_vectors(self.count).tolist()
        return [self.profile_searches(questions) for _ in range(6)][1:]  # one warms up

    def profile_searches(self, questions: list[list[float]]) -> dict[str, float]:
        """Each owner's share; Python's profiler slows its own calls more than the kernel's."""
        with cProfile.Profile(time.process_time) as profiler:
            for question in questions:
                self.client.search(question)
        spent: Counter[str] = Counter()
        entries: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # not in typeshed
        for (file, _, name), (_, _, own, _, _) in entries.items():
            place = name if file == "~" else file
            spent[next((OWNERS[o] for o in OWNERS if o in place), "the rest of Python")] += own
        return {owner: seconds / spent.total() for owner, seconds in spent.items()}


if __name__ == "__main__":
    client_name, task, server, number, size = sys.argv[1:]
    measured = connect(client_name, server, size)
    if task == "start":
        result: Any = time.perf_counter() - BEGAN
    else:
        result = getattr(Tasks(measured, int(number), int(size)), task)()
    json.dump(result, sys.stdout)
