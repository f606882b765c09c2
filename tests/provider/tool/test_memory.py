"""The memory of the tool does not grow with the index."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from support import endpoints, providers

SMALL, LARGE = 10_000, 40_000
KEY = 1_000
"""Characters of a key: the keys of the large index are 30 MB larger."""

MEASURE = """
import re, sys
from pathlib import Path
from stache_ai_s3vectors.tool.main import main

main(sys.argv[1:], standalone_mode=False)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
"""Runs a command, and prints the maximum memory of the process in its last line, in KB."""


COMMANDS = (
    "export {}.jsonl --index {}",
    "copy {} {}-copy --dimension 4",
    "purge --index {} --status active --yes",
)


def fill(url, name, count):
    """Create an index of vectors with long keys."""
    where = {"s3vectors_endpoint_url": url, "s3vectors_create_index": True}
    provider = providers.create_provider(name, **where, s3vectors_write_rate=0.0)
    for start in range(0, count, 5_000):
        numbers = range(start, start + 5_000)
        ids = [f"{n * 7919 % count:06}".ljust(KEY, "-") for n in numbers]
        provider.insert([[1.0, float(n), 0.5, 0.25] for n in numbers], ["t"] * 5_000, ids=ids)
    provider.client.close()


def measure_memory(url, command):
    """Measure the maximum memory of a command, in MB."""
    where = ("--bucket", "my-bucket", "--endpoint", url, "--region", "us-east-1")
    line = [sys.executable, "-c", MEASURE, *command.split(), *where]
    result = subprocess.run(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=True)
    return int(result.stderr.split()[-1]) / 1_000


@pytest.mark.long
def test_a_large_index_needs_no_more_memory_than_a_small_one(monkeypatch):
    """Over HTTP, so that the index itself is in another process."""
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    monkeypatch.setenv("S3VECTORS_WRITE_RATE", "0")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")  # threads share freed memory
    with endpoints.serve() as url, closing(endpoints.create_client(endpoint_url=url)) as client:
        client.create_vector_bucket(vectorBucketName="my-bucket")
        fill(url, "small", SMALL)
        fill(url, "large", LARGE)

        growth = {
            command: measure_memory(url, command.replace("{}", "large"))
            - measure_memory(url, command.replace("{}", "small"))
            for command in COMMANDS
        }

    assert max(growth.values()) < 22, growth
