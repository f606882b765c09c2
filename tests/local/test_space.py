"""Disk space: a full disk, compaction, and the cost of deletions."""

from __future__ import annotations

import errno
import json
import stat
import subprocess
import sys
import threading
from unittest import mock

import numpy as np
import pytest
from click.testing import CliRunner

import s3vectors_local.engine
from s3vectors_local import DataDirectoryError, Engine, storage
from s3vectors_local.__main__ import main
from s3vectors_local.storage import compact

NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}
OTHER = {**NAMES, "indexName": "other"}
DIMENSION = 1024


def create(engine, *names):
    if not engine.call("ListVectorBuckets", {})["vectorBuckets"]:
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    shape = {"dataType": "float32", "dimension": DIMENSION, "distanceMetric": "cosine"}
    configuration = {"metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]}}
    for name in names:
        engine.call("CreateIndex", {**NAMES, "indexName": name, **shape, **configuration})


def put(engine, numbers, names=NAMES, text=""):
    """Put vectors with numbers as keys, in requests of maximum size."""
    remaining = list(numbers)
    for start in range(0, len(remaining), 500):
        vectors = [
            {
                "key": str(number),
                "data": {"float32": np.full(DIMENSION, number + 1, np.float32)},
                "metadata": {"n": number, **({"text": text} if text else {})},
            }
            for number in remaining[start : start + 500]
        ]
        engine.call("PutVectors", {**names, "vectors": vectors})


def delete(engine, numbers, names=NAMES):
    remaining = [str(number) for number in numbers]
    for start in range(0, len(remaining), 500):
        engine.call("DeleteVectors", {**names, "keys": remaining[start : start + 500]})


def keys(engine, name="idx"):
    results, page = [], {}
    while True:
        page = engine.call("ListVectors", {**NAMES, "indexName": name, "maxResults": 1000} | page)
        results += [vector["key"] for vector in page["vectors"]]
        if "nextToken" not in page:
            return results
        page = {"nextToken": page["nextToken"]}


FILLER = """
import json, resource, sys
from s3vectors_local import Engine, ServiceError

# Maximum size of a file, which simulates a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (12_345_678, 12_345_678))
engine = Engine(sys.argv[1])
engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
names = {"vectorBucketName": "my-bucket"}
for name in ("idx", "other"):
    shape = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**names, "indexName": name, **shape})

def fill(number):
    put = []
    while True:
        keys = [str(number + n) for n in range(50)]
        name = "idx" if number % 100 else "other"
        vectors = [{"key": key, "data": {"float32": [int(key) + 1] * 1024}} for key in keys]
        try:
            engine.call("PutVectors", {**names, "indexName": name, "vectors": vectors})
        except ServiceError as error:
            return put, str(error)
        put += [(name, key) for key in keys]
        number += 50

first, refusal = fill(50)
gone = [key for name, key in first if name == "idx"][:100]
for start in range(0, 100, 50):
    engine.call("DeleteVectors", {**names, "indexName": "idx", "keys": gone[start:start + 50]})
engine.call("DeleteIndex", {**names, "indexName": "other"})
engine.call("CreateIndex", {**names, "indexName": "other", **shape})
second, again = fill(100_000)
left = [(name, key) for name, key in first if name == "idx" and key not in gone] + second
print(json.dumps([len(first), refusal, again, sorted(left)]))
"""


def test_the_log_of_deleting_an_index_does_not_grow_with_it(tmp_path):
    """Its pages become free without being overwritten."""
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(2_000), text="t" * 1_000)
    log = tmp_path / "s3vectors.db-wal"
    with Engine(tmp_path) as engine:
        engine.call("DeleteIndex", NAMES)
        written = log.stat().st_size
    assert written < 1_000_000 < (tmp_path / "s3vectors.db").stat().st_size


def test_compacting_returns_the_space(tmp_path):
    """Data, order of rows, page tokens and permissions do not change."""
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(3_000))
        delete(engine, range(2_990))
        token = engine.call("ListVectors", {**NAMES, "maxResults": 4})["nextToken"]
        before = read_all(engine)
    file = tmp_path / "s3vectors.db"
    full = file.stat().st_size

    result = CliRunner().invoke(main, ["compact", "--data", str(tmp_path)])

    assert result.exit_code == 0, result.output
    assert result.output == (
        f"s3vectors-local: {tmp_path}: {full:,} bytes before, {file.stat().st_size:,} after\n"
    )
    assert file.stat().st_size < full / 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {entry.name for entry in tmp_path.iterdir()} == {"lock", "s3vectors.db"}
    with Engine(tmp_path) as engine:
        assert read_all(engine) == before
        rest = engine.call("ListVectors", {**NAMES, "nextToken": token})["vectors"]
        assert [vector["key"] for vector in rest] == before["keys"][4:]
        put(engine, range(5))
        assert len(keys(engine)) == 15


def read_all(engine):
    vectors = engine.call("ListVectors", {**NAMES, "returnData": True, "returnMetadata": True})
    return {
        "keys": keys(engine),
        "vectors": [
            (v["key"], v["data"]["float32"].tolist(), v["metadata"]) for v in vectors["vectors"]
        ],
        "index": engine.call("GetIndex", NAMES),
    }


def test_a_failed_compaction_has_a_reason_and_changes_nothing(tmp_path):
    """The directory has a running engine, is missing, or lacks space for the new file."""
    with Engine(tmp_path / "data") as engine:
        create(engine, "idx")
        with pytest.raises(DataDirectoryError, match="belongs to a running engine"):
            compact(tmp_path / "data")
    result = CliRunner().invoke(main, ["compact", "--data", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "there is no s3vectors.db in" in result.output
    assert not (tmp_path / "none").exists()
    leftover = tmp_path / "data" / "s3vectors.db.compacted"
    leftover.mkdir()
    with pytest.raises(DataDirectoryError, match="cannot keep data in"):
        compact(tmp_path / "data")
    leftover.rmdir()
    leftover.write_text("from an earlier, interrupted run")
    compact(tmp_path / "data")
    assert not leftover.exists()


def test_a_large_index_opens_without_stopping_the_others(tmp_path, monkeypatch):
    """A small index answers meanwhile. Requests to the large one wait for all vectors."""
    with Engine(tmp_path) as engine:
        create(engine, "idx", "other")
        put(engine, range(3_000))
        put(engine, range(3), OTHER)
    requested = threading.Event()

    class Time:
        @staticmethod
        def sleep(_):
            assert requested.wait(60)

    monkeypatch.setattr(s3vectors_local.engine, "time", Time)
    query = {"topK": 5_000, "queryVector": {"float32": np.ones(DIMENSION)}}
    with Engine(tmp_path) as engine:
        [large] = [i for i in engine._state.indexes.values() if i.configuration.name == "idx"]
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(engine.call("QueryVectors", {**NAMES, **query}))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        assert len(engine.call("QueryVectors", {**OTHER, **query})["vectors"]) == 3
        assert large._loaded is not None
        requested.set()
        for thread in threads:
            thread.join()
        assert large._loaded is None
        assert len(answers) == 3
        assert all("nextToken" in answer for answer in answers)


def test_an_index_that_is_deleted_while_it_opens_is_not_found(tmp_path, monkeypatch):
    """Waiting requests get this error. A new index with the same name is another one."""
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(1_500))
    with Engine(tmp_path) as engine:

        class Time:
            @staticmethod
            def sleep(_):
                engine.call("DeleteIndex", NAMES)

        monkeypatch.setattr(s3vectors_local.engine, "time", Time)
        with pytest.raises(s3vectors_local.ServiceError, match="index could not be found"):
            engine.call("GetVectors", {**NAMES, "keys": ["1"]})


def test_deletions_work_on_a_full_disk_and_make_room(tmp_path):
    """A limit on the file size simulates a full disk; nothing is lost."""
    result = subprocess.run(
        [sys.executable, "-c", FILLER, tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    count, refusal, second_refusal, remaining = json.loads(result.stdout)

    assert count > 500
    assert "the write to the data directory failed" in refusal
    assert "the write to the data directory failed" in second_refusal
    with Engine(tmp_path) as engine:
        stored = [[name, key] for name in ("idx", "other") for key in keys(engine, name)]
    assert sorted(stored) == remaining


def test_the_files_of_an_interrupted_compact_are_removed(tmp_path):
    """The next start removes them, because they have a copy of the data. Ctrl-C leaves nothing."""
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(50))
    for suffix in ("", "-journal"):
        (tmp_path / f"s3vectors.db.compacted{suffix}").write_text("left")
    with (
        mock.patch.object(storage, "_sync", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        compact(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"lock", "s3vectors.db"}
    (tmp_path / "s3vectors.db.compacted").write_text("left")
    with Engine(tmp_path) as engine:
        assert len(keys(engine)) == 50
    assert {entry.name for entry in tmp_path.iterdir()} == {"lock", "s3vectors.db"}


def test_a_compacted_database_is_opened_without_writing_to_it(tmp_path):
    """Its header already has the write-ahead log."""
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(50))
    compact(tmp_path)
    before = (tmp_path / "s3vectors.db").read_bytes()

    with Engine(tmp_path) as engine:
        assert len(keys(engine)) == 50
        assert (tmp_path / "s3vectors.db").read_bytes() == before


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_cannot_reserve_space_works(tmp_path, monkeypatch, code):
    """It works like a system without the call."""

    def unable(*_):
        raise OSError(code, "unable")

    monkeypatch.setattr(storage.os, "posix_fallocate", unable)
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(600))
        assert len(keys(engine)) == 600


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_interrupt_while_an_index_opens_leaves_no_partial_index(tmp_path, monkeypatch, error):
    """The next request reads the index again, and filters correctly."""
    with Engine(tmp_path) as engine:
        create(engine, "idx")
        put(engine, range(12))
    query = {"topK": 20, "queryVector": {"float32": [1.0] * DIMENSION}}

    def query_all(engine):
        return [
            [
                v["key"]
                for v in engine.call("QueryVectors", {**NAMES, **query, "filter": f})["vectors"]
            ]
            for f in [{"n": n} for n in range(12)]
        ]

    monkeypatch.setattr(s3vectors_local.engine, "LOADED_AT_A_TIME", 5)
    with Engine(tmp_path) as engine:
        expected = query_all(engine)
    step, traced = 0, sys.gettrace()  # coverage's own function, restored afterwards
    while True:
        step += 1
        count = 0

        def trace(frame, event, _, target=step):
            nonlocal count
            if frame.f_code.co_filename.endswith(("columns.py", "rows.py", "matrix.py")):
                count += event == "line"
                if count == target:
                    sys.settrace(None)
                    raise error
                return trace
            return trace if "s3vectors_local" in frame.f_code.co_filename else None

        with Engine(tmp_path) as engine:
            arn = next(iter(engine._state.indexes))
            sys.settrace(trace)
            try:
                while not engine._state.indexes[arn].load_vectors(5):
                    pass
            except error:
                interrupted = True
            else:
                interrupted = False
            finally:
                sys.settrace(traced)
            assert query_all(engine) == expected, step
        if not interrupted:
            return
        step += 6  # every seventh line; all would take too long
