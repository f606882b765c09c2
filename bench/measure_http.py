"""What the engine costs over HTTP, from boto3's own client, durable.

The engine's share of PutVectors is the time the caller waits minus the processor time of the
client itself, which is boto3's to spend. A query is compared with one that has nothing to do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import dataset
import sampling
import servers

EMPTY: Final = {**dataset.NAMES, "indexName": "empty"}
BATCHES: Final = 40
QUERIED_BATCHES: Final = 20
QUERIES: Final = 30


@contextmanager
def connect(**metadata: Any) -> Iterator[Any]:
    """A boto3 client of a server with its data on disk, and two indexes, one to stay empty."""
    index = dataset.describe_index(**metadata)
    with (
        tempfile.TemporaryDirectory() as directory,
        servers.serve("--data", directory, create=False) as url,
        closing(servers.connect(url)) as client,
    ):
        servers.create_bucket(client, index, {**index, **EMPTY})
        yield client


def measure_put(**metadata: Any) -> dict[str, Any]:
    """Vectors a second of the engine's share, and of the caller's time."""
    corpus, size = dataset.Corpus(), dataset.BATCH
    shares, waits = [], []
    with connect(**metadata) as client:
        for batch in range(BATCHES):
            records = corpus.draw_records(batch * size, corpus.draw_vectors(size))
            began, computed = time.perf_counter(), time.process_time()
            client.put_vectors(**dataset.NAMES, vectors=records)
            waits.append(time.perf_counter() - began)
            shares.append(waits[-1] - (time.process_time() - computed))
    return {
        "share": sampling.summarize([size / share for share in shares], "vectors/s"),
        "sustained by the engine": round(size * BATCHES / sum(shares)),
        "as the caller sees it": sampling.summarize([size / wait for wait in waits], "vectors/s"),
    }


def measure_query() -> dict[str, Any]:
    """Milliseconds of a query over 10,000 vectors and of one over none, in turns."""
    corpus = dataset.Corpus()
    with connect() as client:
        for batch in range(QUERIED_BATCHES):
            vectors = corpus.draw_vectors(dataset.BATCH)
            keys = [f"{batch}-{n}" for n in range(len(vectors))]
            records = dataset.to_records(keys, vectors, [{}] * len(vectors))
            client.put_vectors(**dataset.NAMES, vectors=records)
        queries = corpus.draw_vectors(2 * QUERIES)

        def ask(names: dict[str, str], number: int) -> Any:
            data = {"float32": queries[number].tolist()}
            return client.query_vectors(**names, topK=10, queryVector=data)

        ask(dataset.NAMES, 0)
        tasks = {
            "10,000 vectors": lambda number: ask(dataset.NAMES, number),
            "no vectors": lambda number: ask(EMPTY, number),
        }
        times = sampling.time_in_turns(tasks, QUERIES)
    return {name: sampling.summarize(values, "ms") for name, values in times.items()}


def measure(_: argparse.Namespace) -> dict[str, Any]:
    """Puts with and without text search, and queries."""
    return {
        "put": measure_put(),
        "put, with text search": measure_put(**dataset.TEXT_SEARCH),
        "query": measure_query(),
    }
