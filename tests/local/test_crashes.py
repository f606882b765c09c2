"""A killed engine loses no write that it acknowledged."""

from __future__ import annotations

import random

import pytest

from s3vectors_local import Engine
from support.processes import crash
from support.processes.children import create_fork_server

KILLS = 50
ANY = {"queryVector": {"float32": [1] * 8}}


def kill_while_writing(processes, directory, seed, after):
    """Start a writer, kill it after a number of acknowledgements, and return their number."""
    ours, theirs = processes.Pipe(duplex=False)
    writer = processes.Process(target=crash.run_operations, args=(directory, seed, theirs))
    writer.start()
    theirs.close()
    for _ in range(after):
        ours.recv()
    writer.kill()
    writer.join()
    acknowledged = after
    try:
        while True:
            ours.recv()
            acknowledged += 1
    except EOFError:
        return acknowledged


def test_fifty_kills_lose_nothing_that_was_acknowledged(tmp_path):
    """The data is the state after the last acknowledged write, or after the next one.

    Keys, metadata, filters, vectors and text agree, and it opens by itself each time.
    """
    crash.create_index(tmp_path)
    processes, contents, moments = create_fork_server(), {}, random.Random(1)
    for seed in range(KILLS):
        acknowledged = kill_while_writing(processes, tmp_path, seed, moments.randrange(25))

        engine = Engine(tmp_path)
        results = crash.read_contents(engine)
        assert results in [
            crash.replay(contents, seed, acknowledged + under_way) for under_way in (0, 1)
        ]
        assert crash.query_keys(engine, **ANY) == results.keys()
        for word in {entry["word"] for entry in list(results.values())[:3]}:
            same = {key for key, entry in results.items() if entry["word"] == word}
            assert (
                crash.query_keys(engine, queryVector={"float32": [1] * 8}, filter={"word": word})
                == same
            )
            assert (
                crash.query_keys(engine, queryTexts=[{"metadataKey": "text", "text": word}]) == same
            )
        engine.close()
        contents = results

    assert contents


@pytest.mark.parametrize("sign", ["lock", "s3vectors.db", "s3vectors.db-wal"])
def test_a_killed_first_start_leaves_a_directory_that_opens(tmp_path, sign):
    """The process is killed as soon as it has created one of its files."""
    writer = create_fork_server().Process(target=crash.create_index, args=(tmp_path,))
    writer.start()
    while writer.is_alive() and not (tmp_path / sign).exists():
        pass
    writer.kill()
    writer.join()

    engine = Engine(tmp_path)
    buckets = engine.call("ListVectorBuckets", {})["vectorBuckets"]
    assert [bucket["vectorBucketName"] for bucket in buckets] in ([], ["my-bucket"])
    engine.close()
