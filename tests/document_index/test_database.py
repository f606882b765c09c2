"""The database file: each fault is an error of one line, and no document is lost."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.errors import DocumentIndexError, S3VectorsError
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex, database
from stache_ai_s3vectors.settings import resolve_document_index_path
from support.processes.forks import run_in_child

NOBODY = 65534
PROCESSES = multiprocessing.get_context("spawn")


def open_index(path):
    return SQLiteDocumentIndex(Settings(s3vectors_document_index_path=str(path)))


def create(index, doc_id="d1"):
    index.create_document(doc_id=doc_id, filename="a.md", namespace="n", chunk_ids=["c1"])


def list_ids(index):
    return sorted(d["doc_id"] for d in index.list_documents(limit=1000)["documents"])


def create_closed_file(path, count=1):
    """Create a file with documents that no process has open."""

    def write():
        index = open_index(path)
        for number in range(count):
            create(index, f"d{number}")

    run_in_child(write)
    other = sqlite3.connect(
        path
    )  # when the last process closes the file, SQLite empties the log into it
    other.execute("PRAGMA user_version")
    other.close()


@pytest.fixture
def public_folder():
    """Return a folder that other users can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run_without_privileges(function):
    """Return the message of the error that a function raises for an ordinary user."""

    def run():
        if os.geteuid() == 0:
            os.chdir("/")
            os.setuid(NOBODY)
        with pytest.raises(DocumentIndexError) as raised:
            function()
        return str(raised.value)

    return run_in_child(run)


def get_refusal(path):
    """Return the message of one line with which the file is refused."""
    with pytest.raises(DocumentIndexError) as raised:
        open_index(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_locked_file_is_an_error_of_one_line_and_loses_nothing(tmp_path, monkeypatch):
    """Reads work; the error of a write names the wait and the remedy."""
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    index = open_index(tmp_path / "documents.db")
    create(index)
    other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DocumentIndexError, match="is locked: another program .* try again$"):
        create(index, "d2")
    assert list_ids(index) == ["d1"]
    other.close()
    create(index, "d2")
    assert list_ids(index) == ["d1", "d2"]


def test_a_damaged_file_is_an_error_of_one_line(tmp_path):
    """It says how to save what can be read; the file is not changed."""
    path = tmp_path / "documents.db"
    create_closed_file(path, 50)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x07" * (len(content) - 4096))
    before = path.read_bytes()

    for act in (create, list_ids, lambda index: index.get_document("d1", "n")):
        with pytest.raises(DocumentIndexError, match=r"is damaged\. Stop every .* \.recover`$"):
            act(open_index(path))
    assert path.read_bytes() == before


def test_a_file_that_is_not_a_database_is_an_error_of_one_line(tmp_path):
    """A damaged header looks the same; the file is not changed."""
    path = tmp_path / "documents.db"
    path.write_text("Dear diary\n" * 100)

    assert "is not a SQLite database: it is another file, or" in get_refusal(path)
    assert path.read_text() == "Dear diary\n" * 100


def test_another_program_s_database_is_an_error_of_one_line(tmp_path):
    """The file is not changed."""
    path = tmp_path / "namespaces.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE namespaces (id)")
    other.close()
    before = path.read_bytes()

    assert "is a SQLite database of another program" in get_refusal(path)
    assert path.read_bytes() == before


def test_a_newer_format_is_an_error_of_one_line(tmp_path):
    """The error names both formats."""
    path = tmp_path / "documents.db"
    create_closed_file(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 9")
    other.close()

    assert "has format 9, this version of stache-ai-s3vectors reads formats up to 1" in get_refusal(
        path
    )


def test_a_folder_is_an_error_of_one_line(tmp_path):
    """The error proposes a file in it."""
    assert f"for example {tmp_path}/documents.db" in get_refusal(tmp_path)


def test_a_file_in_place_of_the_folder_is_an_error_of_one_line(tmp_path):
    """The folder cannot be created."""
    (tmp_path / "data").write_text("")

    message = get_refusal(tmp_path / "data" / "documents.db")
    assert f"cannot be created: File exists: {tmp_path}/data. Give this user" in message


def test_a_read_only_file_is_an_error_of_one_line(public_folder):
    """It is the same whether or not another process has the file open."""
    path = public_folder / "documents.db"
    create_closed_file(path)
    path.chmod(0o444)
    public_folder.chmod(0o777)  # only the file prevents the write

    message = run_without_privileges(lambda: create(open_index(path)))
    assert "cannot be written. Give this user read and write permission" in message
    index = open_index(path)
    create(index)
    for name in public_folder.iterdir():
        name.chmod(0o444)
    assert message == run_without_privileges(lambda: create(open_index(path)))
    assert list_ids(index) == ["d0", "d1"]


def test_a_read_only_folder_is_an_error_of_one_line(public_folder):
    """It is an error with a file in the folder and without one."""
    path = public_folder / "documents.db"
    public_folder.chmod(0o555)

    message = run_without_privileges(lambda: open_index(path))
    assert "cannot be created: Permission denied: " in message
    create_closed_file(path)
    message = run_without_privileges(lambda: open_index(path))
    assert "cannot be written. Give this user read and write permission" in message


def test_any_other_error_of_sqlite_is_an_error_of_one_line():
    """The error has SQLite's own words."""
    text = database.describe_error(Path("documents.db"), sqlite3.OperationalError("disk I/O error"))

    assert text.startswith("the document index documents.db cannot be used: disk I/O error. Check")
    full = database.describe_error(Path("x"), sqlite3.OperationalError("database or disk is full"))
    assert full.endswith("x cannot grow: the disk is full. Free some space and try again")


def test_a_file_system_without_shared_memory_is_an_error_of_one_line(tmp_path, monkeypatch):
    """Otherwise SQLite would use another journal, which is less safe with several processes."""
    connect = sqlite3.connect

    class WithoutSharedMemory(sqlite3.Connection):
        def execute(self, statement, *values):
            wal = statement == "PRAGMA journal_mode = WAL"
            return super().execute("SELECT 'delete'" if wal else statement, *values)

    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda *place, **options: connect(*place, **options, factory=WithoutSharedMemory),
    )

    assert "file system without shared memory" in get_refusal(tmp_path / "documents.db")


def test_the_error_is_one_of_ours_and_not_a_value_error():
    """Stache's API answers a ValueError with "not found"."""
    assert issubclass(DocumentIndexError, S3VectorsError)
    assert not issubclass(DocumentIndexError, ValueError)


def test_an_empty_file_becomes_an_index(tmp_path):
    """A killed first start leaves such a file."""
    (tmp_path / "documents.db").touch()

    assert list_ids(open_index(tmp_path / "documents.db")) == []


def test_a_deleted_file_is_created_again(tmp_path):
    """The new file is empty and in use at once."""
    path = tmp_path / "documents.db"
    index = open_index(path)
    create(index)
    for name in tmp_path.iterdir():
        name.unlink()

    assert list_ids(index) == []
    create(index, "d2")
    assert list_ids(open_index(path)) == ["d2"]


def test_only_the_owner_can_read_the_file(tmp_path):
    """It has the names and metadata of documents."""
    index = open_index(tmp_path / "data" / "documents.db")
    create(index)
    index.soft_delete_document("d1", "n", delete_reason="reingest_version")

    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_every_commit_is_synchronized_to_disk(tmp_path):
    """The file has a write-ahead log."""
    index = open_index(tmp_path / "documents.db")

    with index._open().read() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_write_that_fails_in_part_changes_nothing(tmp_path):
    """A write is one transaction."""
    index = open_index(tmp_path / "documents.db")
    create(index)

    def fail():
        with index._open().write() as db:
            db.execute("DELETE FROM documents")
            raise TypeError

    with pytest.raises(TypeError):
        fail()
    assert list_ids(index) == ["d1"]


def test_many_threads_write_and_read_at_a_time(tmp_path):
    """Nothing is lost, and threads that end leave no connection."""
    index = open_index(tmp_path / "documents.db")
    handles = len(database._handles)

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda n: (create(index, f"d{n}"), list_ids(index)), range(80)):
            pass
    assert len(list_ids(index)) == 80
    thread = threading.Thread(target=list_ids, args=(index,))
    thread.start()
    thread.join()
    assert len(database._handles) <= handles + 1


def fill(path, first, count):
    index = open_index(path)
    for number in range(first, first + count):
        create(index, f"d{number}")


def test_several_processes_write_at_a_time(tmp_path):
    """Each starts before the file exists."""
    path = tmp_path / "documents.db"
    writers = [PROCESSES.Process(target=fill, args=(path, n * 30, 30)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(list_ids(open_index(path))) == 90


def test_a_forked_process_opens_the_file_again(tmp_path):
    """Parent and child write, and neither loses the other's documents."""
    index = open_index(tmp_path / "documents.db")
    create(index, "before")

    for number in range(3):
        run_in_child(lambda number=number: create(index, f"child{number}"))
        create(index, f"parent{number}")

    assert len(list_ids(index)) == 7


def test_a_fork_waits_for_a_write_that_is_under_way(tmp_path):
    """The child inherits none of its locks."""
    index = open_index(tmp_path / "documents.db")
    under_way, go_on = threading.Event(), threading.Event()

    def write():
        with index._open().write() as db:
            db.execute("DELETE FROM documents")
            under_way.set()
            go_on.wait()
        create(index, "after")

    writer = threading.Thread(target=write)
    writer.start()
    under_way.wait()
    threading.Timer(0.01, go_on.set).start()
    run_in_child(lambda: create(index, "child"))
    writer.join()

    assert list_ids(index) == ["after", "child"]


@pytest.mark.parametrize(
    "settings, path",
    [
        ({"s3vectors_endpoint_url": "local:store"}, "store/documents.db"),
        ({"s3vectors_endpoint_url": "local:"}, "data/documents.db"),
        ({"s3vectors_endpoint_url": "http://127.0.0.1:9100"}, "data/documents.db"),
        ({}, "data/documents.db"),
        (
            {"s3vectors_document_index_path": "x/y.db", "s3vectors_endpoint_url": "local:z"},
            "x/y.db",
        ),
    ],
)
def test_the_settings_determine_the_path(tmp_path, settings, path):
    """By default, the file is next to the engine's data or to Stache's namespaces."""
    assert resolve_document_index_path(Settings(**settings)) == tmp_path / path


def test_a_tilde_in_the_path_is_the_home_folder(monkeypatch, tmp_path):
    """It is the same in the endpoint."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    settings = Settings(s3vectors_document_index_path="~/documents.db")
    assert resolve_document_index_path(settings) == tmp_path / "home" / "documents.db"


def test_the_path_is_read_from_the_environment(monkeypatch, tmp_path):
    """Stache passes settings without ours."""
    from stache_ai.config import Settings as StacheSettings  # noqa: PLC0415 - reads .env

    (tmp_path / ".env").write_text("S3VECTORS_DOCUMENT_INDEX_PATH=my.db\n")

    assert SQLiteDocumentIndex(StacheSettings()).path == tmp_path / "my.db"
