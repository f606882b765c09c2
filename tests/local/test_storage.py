"""The data directory: durability, ownership, and errors."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3vectors_local import DataDirectoryError, Engine, MissingDataError, connect
from s3vectors_local.errors import InternalServerException
from s3vectors_local.rows import RowSet
from s3vectors_local.storage import Transaction
from support.endpoints import create_client

NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}
INDEX = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}


def fill(engine, *keys):
    if not engine.call("ListVectorBuckets", {})["vectorBuckets"]:
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
        engine.call("CreateIndex", {**NAMES, **INDEX})
    vectors = [{"key": key, "data": {"float32": [1, 2]}} for key in keys]
    engine.call("PutVectors", {**NAMES, "vectors": vectors})


def list_keys(engine):
    return sorted(v["key"] for v in engine.call("ListVectors", NAMES)["vectors"])


@pytest.mark.parametrize("exists", [False, True], ids=["no directory", "empty directory"])
def test_without_create_a_missing_database_is_an_error(tmp_path, exists):
    """Nothing is created. An existing database is opened."""
    directory = tmp_path / "data"
    if exists:
        directory.mkdir()

    with pytest.raises(MissingDataError, match=r"there is no s3vectors\.db in .*data; name the"):
        Engine(directory, create=False)

    assert [*tmp_path.rglob("*")] == ([directory] if exists else [])
    Engine(directory).close()
    Engine(directory, create=False).close()


def test_all_data_is_stored_after_reopening(tmp_path):
    """Buckets, indexes with all attributes, vectors, metadata and page tokens are."""
    engine = Engine(tmp_path)
    client = connect(create_client(), engine)
    client.create_vector_bucket(vectorBucketName="my-bucket", tags={"a": "b"})
    client.create_index(
        **NAMES, **INDEX, metadataConfiguration={"nonFilterableMetadataKeys": ["text"]}
    )
    metadata = {"text": "t", "n": 1.5}
    entry = {"data": {"float32": [1, 2]}, "metadata": metadata}
    client.put_vectors(**NAMES, vectors=[{"key": k, **entry} for k in "ab"])
    client.delete_vectors(**NAMES, keys=["a"])
    client.put_vectors(**NAMES, vectors=[{"key": "c", **entry}])
    description = client.get_index(**NAMES)["index"]
    token = client.list_vectors(**NAMES, maxResults=1)["nextToken"]
    engine.close()

    engine = Engine(tmp_path)
    client = connect(create_client(), engine)

    assert client.get_index(**NAMES)["index"] == description
    assert len(client.list_vectors(**NAMES, nextToken=token)["vectors"]) == 1
    query = {"topK": 5, "queryVector": {"float32": [1, 2]}, "returnMetadata": True}
    results = client.query_vectors(**NAMES, **query, filter={"n": 1.5})["vectors"]
    assert {v["key"]: v["metadata"] for v in results} == {"b": metadata, "c": metadata}
    engine.close()


def test_an_engine_in_memory_leaves_no_trace(tmp_path, monkeypatch):
    """It writes nothing to the current directory."""
    monkeypatch.chdir(tmp_path)
    engine = Engine()
    fill(engine, "a")

    engine.close()

    assert list(tmp_path.iterdir()) == []


def test_a_directory_has_one_owner(tmp_path):
    """The second engine is refused until the first is closed."""
    first = Engine(tmp_path / "data")

    with pytest.raises(DataDirectoryError, match="data belongs to a running engine"):
        Engine(tmp_path / "data")

    first.close()
    Engine(tmp_path / "data").close()


@pytest.mark.parametrize(
    "version, reason",
    [
        (99, "format 99 is newer .* install a newer"),
        (1, "format 1 is that of a development version"),
    ],
)
def test_a_directory_of_another_format_is_not_changed(tmp_path, version, reason):
    """The error has the format and what to do."""
    Engine(tmp_path).close()
    with sqlite3.connect(tmp_path / "s3vectors.db") as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = (tmp_path / "s3vectors.db").read_bytes()

    with pytest.raises(DataDirectoryError, match=reason):
        Engine(tmp_path)

    assert (tmp_path / "s3vectors.db").read_bytes() == before


def test_a_file_that_is_not_a_database_is_not_changed(tmp_path):
    """It is not overwritten."""
    (tmp_path / "s3vectors.db").write_text("mine" * 100)

    with pytest.raises(DataDirectoryError, match="file is not a database"):
        Engine(tmp_path)

    assert (tmp_path / "s3vectors.db").read_text() == "mine" * 100


def test_a_database_of_another_program_is_not_changed(tmp_path):
    """No tables are added to it."""
    with sqlite3.connect(tmp_path / "s3vectors.db") as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()

    with pytest.raises(DataDirectoryError, match="belongs to another program; name another"):
        Engine(tmp_path)


def test_an_acknowledged_write_is_on_the_disk(tmp_path):
    """Otherwise a power failure would lose it."""
    engine = Engine(tmp_path)
    read = engine._state.storage.read

    assert read("PRAGMA journal_mode").fetchone() == ("wal",)
    assert read("PRAGMA synchronous").fetchone() == (2,)  # FULL
    engine.close()


@pytest.mark.parametrize("table", ["buckets", "indexes"])
@pytest.mark.parametrize("record", ["{", '{"other": 1}'])
def test_a_damaged_record_is_an_error_with_the_reason(tmp_path, table, record):
    """The record is that of a bucket or an index."""
    engine = Engine(tmp_path)
    fill(engine, "a")
    engine.close()
    with sqlite3.connect(tmp_path / "s3vectors.db") as db:
        db.execute(f"UPDATE {table} SET record = ?", (record,))  # noqa: S608 - the test's own names
    db.close()

    with pytest.raises(DataDirectoryError, match="a record of a bucket or index is damaged"):
        Engine(tmp_path)


def test_damaged_metadata_is_a_500_with_the_reason(tmp_path):
    """Other indexes still work."""
    engine = Engine(tmp_path)
    fill(engine, "a")
    engine.close()
    with sqlite3.connect(tmp_path / "s3vectors.db") as db:
        db.execute("UPDATE vectors_1 SET filterable = '{'")
    db.close()
    engine = Engine(tmp_path)

    with pytest.raises(InternalServerException, match="could not be read: unexpected end"):
        engine.call("QueryVectors", {**NAMES, "topK": 1, "queryVector": {"float32": [1, 2]}})

    assert len(engine.call("ListIndexes", {"vectorBucketName": "my-bucket"})["indexes"]) == 1
    engine.close()


def test_a_failed_opening_unlocks_the_directory(tmp_path):
    """After the repair it opens, even while the error exists."""
    (tmp_path / "s3vectors.db").write_text("mine" * 100)
    with pytest.raises(DataDirectoryError) as refused:
        Engine(tmp_path)
    (tmp_path / "s3vectors.db").unlink()

    Engine(tmp_path).close()

    assert "not a database" in str(refused.value)


def test_damage_inside_the_file_is_an_error_with_the_reason(tmp_path):
    """There is no traceback, and the command exits with status 2."""
    engine = Engine(tmp_path)
    fill(engine, "a")
    engine.close()
    path = tmp_path / "s3vectors.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)  # all but the first page, which lists the tables
    path.write_bytes(data)

    with pytest.raises(DataDirectoryError, match=f"cannot keep data in {tmp_path}: .*malformed"):
        Engine(tmp_path)


def test_a_database_that_lacks_a_table_is_an_error_with_the_reason(tmp_path):
    """The directory is unlocked afterwards."""
    Engine(tmp_path).close()
    with sqlite3.connect(tmp_path / "s3vectors.db") as db:
        db.execute("DROP TABLE buckets")
    db.close()

    for _ in range(2):  # the second time, the directory must be unlocked
        with pytest.raises(DataDirectoryError, match="cannot keep data in .*: no such table: buck"):
            Engine(tmp_path)


@contextmanager
def without_privileges():
    """Run as an ordinary user, who cannot write everywhere; tests may run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_directory():
    """Return a directory that every user can reach, unlike pytest's."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("name", ["data", "data/deeper"])
def test_a_directory_that_cannot_be_written_is_named_with_the_reason(open_directory, name):
    """It exists, or is to be created."""
    (open_directory / "data").mkdir(mode=0o555)

    with without_privileges(), pytest.raises(DataDirectoryError, match="Permission denied"):
        Engine(open_directory / name)


def test_a_file_that_cannot_be_written_is_named(open_directory):
    """SQLite would report a disk I/O error."""
    Engine(open_directory).close()
    (open_directory / "lock").chmod(0o666)
    (open_directory / "s3vectors.db").chmod(0o444)

    with without_privileges(), pytest.raises(DataDirectoryError, match=r"s3vectors.db is not writ"):
        Engine(open_directory)


OPENER = """
import sys
from s3vectors_local import DataDirectoryError, Engine
sys.stdin.readline()
try:
    engine = Engine(sys.argv[1])
    print("owner", flush=True)
except DataDirectoryError:
    print("refused", flush=True)
sys.stdin.readline()
"""


def test_of_engines_that_start_together_exactly_one_gets_the_directory(tmp_path):
    """They never all fail."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    for attempt in range(5):
        command = [sys.executable, "-c", OPENER, str(tmp_path / str(attempt))]
        processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.stdout.readline().strip() for process in processes]
        for process in processes:
            process.communicate("end\n")

        assert sorted(answers) == ["owner", "refused", "refused"]


@pytest.mark.parametrize(
    "step, change, expected",
    [
        ("put", lambda engine: fill(engine, "c"), ["a", "b", "c"]),
        ("drop", lambda engine: engine.call("DeleteVectors", {**NAMES, "keys": ["a"]}), ["b"]),
    ],
)
def test_an_interrupt_after_the_commit_leaves_a_consistent_state(
    tmp_path, monkeypatch, step, change, expected
):
    """After Ctrl-C, memory is reloaded from the disk."""
    engine = Engine(tmp_path)
    fill(engine, "a", "b")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RowSet, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            change(engine)

    assert list_keys(engine) == expected
    fill(engine, "d")
    assert list_keys(engine) == [*expected, "d"]
    engine.close()
    engine = Engine(tmp_path)
    assert list_keys(engine) == [*expected, "d"]
    engine.close()


def test_an_interrupt_before_the_commit_stores_nothing(monkeypatch):
    """The transaction is rolled back, and the next one works."""
    engine = Engine()
    fill(engine, "a")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("s3vectors_local.index.StoredVector", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fill(engine, "b")

    assert list_keys(engine) == ["a"]
    fill(engine, "c")
    assert list_keys(engine) == ["a", "c"]
    engine.close()


def test_an_interrupt_in_a_commit_does_not_affect_later_writes(tmp_path, monkeypatch):
    """The transaction is rolled back even while the exception exists."""
    engine = Engine(tmp_path)
    fill(engine, "a")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "__exit__", interrupted)
        with pytest.raises(KeyboardInterrupt) as interrupt:
            fill(engine, "b")
    fill(engine, "c")

    assert list_keys(engine) == ["a", "c"]
    engine.close()
    engine = Engine(tmp_path)
    assert list_keys(engine) == ["a", "c"]
    assert interrupt
    engine.close()


def test_a_failed_reload_is_retried(monkeypatch):
    """Until it succeeds, every request fails with the reason."""
    engine = Engine()
    fill(engine, "a")

    def fail(*_):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(RowSet, "put", fail)
        patch.setattr("s3vectors_local.storage.Storage.read_records", fail)
        for _ in range(2):
            with pytest.raises(InternalServerException, match="could not be read: disk I/O error"):
                fill(engine, "b")

    assert list_keys(engine) == ["a", "b"]
    engine.close()


def test_deleted_buckets_and_indexes_stay_deleted(tmp_path):
    """This holds after reopening."""
    engine = Engine(tmp_path)
    fill(engine, "a")
    engine.call("DeleteIndex", NAMES)
    engine.call("DeleteVectorBucket", {"vectorBucketName": "my-bucket"})
    engine.close()

    engine = Engine(tmp_path)

    assert engine.call("ListVectorBuckets", {}) == {"vectorBuckets": []}
    engine.close()


def test_a_closed_engine_refuses_all_requests():
    """It refuses even those that it could answer from memory."""
    engine = Engine()
    fill(engine, "a")
    engine.close()

    for operation, request in (("ListVectorBuckets", {}), ("ListVectors", NAMES)):
        with pytest.raises(InternalServerException, match="the engine is closed"):
            engine.call(operation, request)


def test_a_path_through_a_file_cannot_be_used(tmp_path):
    """The error has the operating system's reason."""
    (tmp_path / "file").touch()

    with pytest.raises(DataDirectoryError, match="cannot keep data in .*file/data: Not a dir"):
        Engine(tmp_path / "file" / "data")


def test_a_failed_write_changes_nothing(tmp_path):
    """It is a 500 with the reason. Stored data can be read, before and after reopening."""
    engine = Engine(tmp_path)
    fill(engine, "a")
    engine._state.storage._db.execute("PRAGMA max_page_count = 1")  # a full disk

    with pytest.raises(InternalServerException, match="the disk is full. None of it is stored"):
        fill(engine, *(f"{n:0900}" for n in range(500)))

    assert list_keys(engine) == ["a"]
    engine.close()
    engine = Engine(tmp_path)
    assert list_keys(engine) == ["a"]
    engine.close()


def test_a_table_that_cannot_be_read_is_a_500_with_the_reason():
    """Other indexes still work."""
    engine = Engine()
    fill(engine, "a")
    engine._state.storage._db.execute("DROP TABLE vectors_1")

    with pytest.raises(InternalServerException, match="could not be read: no such table"):
        engine.call("ListVectors", NAMES)

    assert len(engine.call("ListIndexes", {"vectorBucketName": "my-bucket"})["indexes"]) == 1
    engine.close()


WRITER = """
import sys
from s3vectors_local import Engine
engine = Engine(sys.argv[1])
names = {"vectorBucketName": "my-bucket", "indexName": "idx"}
for number in range(10**6):
    keys = [f"{number}-{part}" for part in range(20)]
    vectors = [{"key": key, "data": {"float32": [1, 2]}} for key in keys]
    engine.call("PutVectors", {**names, "vectors": vectors})
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 7, 40])
def test_acknowledged_writes_survive_a_kill(tmp_path, after):
    """The directory opens without repair, and has only complete requests."""
    engine = Engine(tmp_path)
    fill(engine, "a")
    engine.close()
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(after + 1):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])

    engine = Engine(tmp_path)
    token, results = {}, []
    while True:
        page = engine.call("ListVectors", {**NAMES, **token})
        results += [v["key"] for v in page["vectors"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}

    numbers = {key.split("-")[0] for key in results} - {"a"}
    assert len(results) == 1 + 20 * len(numbers)
    assert {str(n) for n in range(acknowledged + 1)} <= numbers
    engine.close()


def test_an_engine_closes_itself_at_the_end_of_a_with(tmp_path):
    """Then another engine can open its directory."""
    with Engine(tmp_path) as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    with pytest.raises(InternalServerException, match="the engine is closed"):
        engine.call("ListVectorBuckets", {})

    with Engine(tmp_path) as again:
        assert len(again.call("ListVectorBuckets", {})["vectorBuckets"]) == 1


@pytest.mark.parametrize("circle", [False, True], ids=["dropped", "in a reference cycle"])
def test_an_unreferenced_engine_closes_itself(tmp_path, circle):
    """It causes no warning, even if ResourceWarning is an error."""
    engine = Engine(tmp_path)
    if circle:
        engine.itself = engine

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del engine
        gc.collect()

    assert caught == []
    Engine(tmp_path).close()
