"""Keys on disk, in order."""

from __future__ import annotations

import random
import subprocess
import sys

from stache_ai_s3vectors.tool.key_files import KeyFile

KEYS = [
    "",
    "a",
    "a\0",
    "a\0b",
    "aa",
    "b",
    "é",
    "z",
    "~",
    "\uffff",
    "𐀀",
    "🎉",
    "\udcff",
    "k" * 1_024,
]


def test_keys_are_unique_and_in_the_order_of_their_characters():
    """As Python sorts strings, which is the order of exports; not as in UTF-16."""
    keys = [*KEYS, *(f"key-{n}" for n in range(2_500))]
    shuffled = random.Random(1).sample([*keys, *keys], 2 * len(keys))
    file = KeyFile()

    file.add(shuffled)

    assert list(file) == sorted(keys)
    assert len(file) == len(keys)
    assert [key for batch in file.batches(100, 1_234) for key in batch] == sorted(keys)[1_234:]
    assert all(key in file for key in KEYS)
    assert "other" not in file


def test_a_key_keeps_its_first_note():
    """Later notes are ignored."""
    file = KeyFile()

    file.add(["b"], "why")
    file.add(["a", "b"])

    assert dict(file.items()) == {"a": "", "b": "why"}
    assert file.first(1) == ["a"]


MEASURE = """
import resource, sys
from stache_ai_s3vectors.tool.key_files import KeyFile

count = int(sys.argv[1])
file = KeyFile()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for start in range(0, count, 1_000):
    file.add(f"{n * 7919 % count:060}" for n in range(start, start + 1_000))
assert len(file) == count == sum(1 for _ in file)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_many_keys_need_no_more_memory_than_a_few():
    """300,000 of them would be 33 MB of Python strings; SQLite's cache holds 8 MB."""
    command = [sys.executable, "-c", MEASURE, "300000"]

    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert int(result.stdout) < 14_000


def test_a_full_disk_is_an_error_with_a_remedy():
    """Not a traceback of SQLite."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    command = [sys.executable, "-c", f"{limit}{MEASURE}", "300000"]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "S3VectorsError: the temporary file of the keys cannot be written" in result.stderr
