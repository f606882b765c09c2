"""The tasks that a client of S3 Vectors is measured at, in a process of its environment."""

from __future__ import annotations

import cProfile
import gc
import re
import resource
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from unittest import mock

import clients
import dataset
import sampling

LARGE_CALL: Final = 1_000
"""Vectors in an insert where requests fail: more than one batch, so that a part may succeed."""

OWNERS: Final = {
    "stache_ai_s3vectors": "this provider",
    "botocore": "botocore",
    "urllib3": "urllib3",
    "/http/": "Python's http and email",
    "/email/": "Python's http and email",
    "_socket": "sockets",
    "orjson": "orjson",
}
"""A part of a file's path, or of the name of a built-in function → whose code it is."""

_RETRY: Final = re.compile(rb"amz-sdk-request: [^\r]*attempt=(?!1\b)", re.IGNORECASE)
"""botocore writes into each request's head which attempt it is."""

time_processor = partial(sampling.time_call, clock=time.process_time)
"""Processor milliseconds of a call, in all threads of this process."""


def run(task: str, name: str, url: str, count: int, dimension: int) -> Any:
    """Run a method of `Tasks` with a client, at a server with a bucket and an index."""
    return getattr(Tasks(clients.make_client(name, url, dimension), count, dimension), task)()


def run_counted(*arguments: Any) -> tuple[Any, Counter[str]]:
    """Run it, and count what the client sends and receives."""
    with count_traffic() as traffic:
        return run(*arguments), traffic


@contextmanager
def count_traffic() -> Iterator[Counter[str]]:
    """Count bytes of this process's sockets, with HTTP's headers; and requests, and retries."""
    traffic: Counter[str] = Counter()
    send, receive = socket.socket.sendall, socket.socket.recv_into

    def count_sent(self: socket.socket, data: Any, *flags: int) -> None:
        piece = bytes(data)
        traffic["sent"] += len(piece)
        if piece.startswith(b"POST /"):
            traffic["requests"] += 1
            traffic["retried"] += _RETRY.search(piece) is not None
        send(self, data, *flags)

    def count_received(self: socket.socket, *arguments: Any) -> int:
        size = receive(self, *arguments)
        traffic["received"] += size
        return size

    patch = partial(mock.patch.object, socket.socket)
    with patch("sendall", count_sent), patch("recv_into", count_received):
        yield traffic


class Tasks:
    """The tasks of one client.

    `count` is the number of vectors, searches or calls. It includes the first ones, which warm up:
    their times are left out.
    """

    def __init__(self, client: Any, count: int, dimension: int) -> None:
        self.client, self.count, self.corpus = client, count, dataset.Corpus(dimension=dimension)
        self.size = dataset.choose_call_size(dimension)

    def draw_calls(self, count: int, size: int) -> Iterator[Any]:
        """Draw what Stache passes for so many vectors, call by call."""
        for first in range(0, count, size):
            chunks = self.corpus.draw_chunks(first, size)
            gc.collect()
            yield chunks

    def insert(self) -> list[float]:
        """Processor milliseconds for each vector, call by call."""
        return [computing for computing, _ in self.time_inserts()][1:]

    def time_inserts(self) -> list[tuple[float, float]]:
        """Milliseconds of the processor and by the clock for each vector, call by call."""
        times = []
        for chunks in self.draw_calls(self.count, self.size):
            began = time.perf_counter()
            computing = time_processor(partial(self.client.insert, **chunks))
            times.append((computing, 1000 * (time.perf_counter() - began)))
        return [(computing / self.size, taken / self.size) for computing, taken in times]

    def search(self) -> list[float]:
        """Processor milliseconds of each search for the top 10."""
        questions = self.corpus.draw_vectors(self.count).tolist()
        for question in questions[:5]:
            assert len(self.client.search(question)) == clients.TOP  # noqa: S101 - else it is no search
        return [time_processor(self.client.search, question) for question in questions[5:]]

    def query(self) -> list[float]:
        """Milliseconds of each query for ten keys, as the caller sees it."""
        query = partial(self.client.call, "query_vectors", topK=clients.TOP)
        questions = self.corpus.draw_vectors(self.count).tolist()
        calls = (partial(query, queryVector={"float32": question}) for question in questions)
        return [*map(sampling.time_call, calls)][1:]

    def ingest(self) -> dict[str, float]:
        """Seconds to store all in one call and until the first request; requests and retries."""
        [chunks] = self.draw_calls(self.count, self.count)
        calls: list[Any] = []
        sent: list[float] = []
        events, suffix = self.client.client.meta.events, "s3vectors.PutVectors"
        events.register(f"before-call.{suffix}", lambda **call: calls.append(call["model"]))
        events.register(f"before-send.{suffix}", lambda **_: sent.append(time.perf_counter()))
        began = time.perf_counter()
        self.client.insert(**chunks)
        seconds, before = time.perf_counter() - began, sent[0] - began
        counts = {"requests": len(sent), "retries": len(sent) - len(calls)}
        return {"seconds": seconds, "before": before, **counts}

    def count_half(self) -> float:
        """Seconds to count half of so many by filter."""
        began = time.perf_counter()
        counted = self.client.count({"half": 1})
        seconds = time.perf_counter() - began
        assert counted == self.count // 2, counted  # noqa: S101 - else it did not count
        return seconds

    def scan(self) -> list[float]:
        """Processor milliseconds a vector to count half of them by filter, four times."""
        self.count //= 4
        return [time_processor(self.count_half) / self.count for _ in range(4)][1:]

    def insert_under_faults(self) -> list[int | None]:
        """Insert so many calls; for each, what `count_named` returns."""
        calls = self.draw_calls(self.count * LARGE_CALL, LARGE_CALL)
        return [self.count_named(chunks) for chunks in calls]

    def count_named(self, chunks: Any) -> int | None:
        """None for an insert that succeeds, or how many vectors its error names as stored."""
        try:
            self.client.insert(**chunks)
        except Exception as error:  # noqa: BLE001 - each client has errors of its own
            return len(getattr(error, "done", ()))
        return None

    def watch_memory(self) -> list[float]:
        """Peak resident megabytes after each of ten calls of a tenth of so many."""
        peaks, size = [], self.count // 10
        for first in range(0, self.count, size):
            self.client.insert(**self.corpus.draw_chunks(first, size))  # nothing else holds them
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return peaks

    def profile(self) -> list[dict[str, float]]:
        """Shares of the processor time of so many searches, by owner of the code, run by run."""
        questions = self.corpus.draw_vectors(self.count).tolist()
        return [self.profile_searches(questions) for _ in range(6)][1:]

    def profile_searches(self, questions: list[list[float]]) -> dict[str, float]:
        """Each owner's share; Python's profiler slows its own calls more than the kernel's."""
        with cProfile.Profile(time.process_time) as profiler:
            for question in questions:
                self.client.search(question)
        spent: defaultdict[str, float] = defaultdict(float)
        for entry in profiler.getstats():
            place = entry.code if isinstance(entry.code, str) else entry.code.co_filename
            owners = (owner for part, owner in OWNERS.items() if part in place)
            spent[next(owners, "the rest of Python")] += entry.inlinetime
        return {owner: seconds / sum(spent.values()) for owner, seconds in spent.items()}
