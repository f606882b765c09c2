"""The file: what is wrong with it is one line, and nothing of it is lost."""

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

from forks import run_in_child
from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.errors import DocumentIndexError, S3VectorsError
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex, database
from stache_ai_s3vectors.settings import resolve_document_index_path

NOBODY = 65534
PROCESSES = multiprocessing.get_context("spawn")


def opened(path):
    return SQLiteDocumentIndex(Settings(s3vectors_document_index_path=str(path)))


def create(index, doc_id="d1"):
    index.create_document(doc_id=doc_id, filename="a.md", namespace="n", chunk_ids=["c1"])


def listed(index):
    return sorted(d["doc_id"] for d in index.list_documents(limit=1000)["documents"])


def written_by_another(path, count=1):
    """A file with documents, which no process has open."""

    def write():
        index = opened(path)
        for number in range(count):
            create(index, f"d{number}")

    run_in_child(write)
    other = sqlite3.connect(path)  # the last to close the file empties the log into it
    other.execute("PRAGMA user_version")
    other.close()


@pytest.fixture
def public():
    """A folder that other users can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def without_privileges(function):
    """The message of the error that a function raises for an ordinary user."""

    def run():
        if os.geteuid() == 0:
            os.chdir("/")
            os.setuid(NOBODY)
        with pytest.raises(DocumentIndexError) as raised:
            function()
        return str(raised.value)

    return run_in_child(run)


def refused(path):
    """The one line that opening a file fails with."""
    with pytest.raises(DocumentIndexError) as raised:
        opened(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_locked_file_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    """Reading works; writing says how long it waited and what to do."""
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    index = opened(tmp_path / "documents.db")
    create(index)
    other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DocumentIndexError, match="is locked: another program .* try again$"):
        create(index, "d2")
    assert listed(index) == ["d1"]
    other.close()
    create(index, "d2")
    assert listed(index) == ["d1", "d2"]


def test_a_damaged_file_is_one_line(tmp_path):
    """It says how to save what can be read; the file is not changed."""
    path = tmp_path / "documents.db"
    written_by_another(path, 50)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x07" * (len(content) - 4096))
    before = path.read_bytes()

    for act in (create, listed, lambda index: index.get_document("d1", "n")):
        with pytest.raises(DocumentIndexError, match=r"is damaged\. Stop every .* \.recover`$"):
            act(opened(path))
    assert path.read_bytes() == before


def test_a_damaged_beginning_is_one_line(tmp_path):
    """As is any other file; it is not changed."""
    path = tmp_path / "documents.db"
    path.write_text("Dear diary\n" * 100)

    assert "is not a SQLite database: it is another file, or" in refused(path)
    assert path.read_text() == "Dear diary\n" * 100


def test_another_program_s_database_is_one_line(tmp_path):
    """It is not changed."""
    path = tmp_path / "namespaces.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE namespaces (id)")
    other.close()
    before = path.read_bytes()

    assert "is a SQLite database of another program" in refused(path)
    assert path.read_bytes() == before


def test_a_newer_file_is_one_line(tmp_path):
    """It names both formats; the file is not changed."""
    path = tmp_path / "documents.db"
    written_by_another(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 9")
    other.close()

    assert "has format 9, this version of stache-ai-s3vectors reads formats up to 1" in refused(
        path
    )


def test_a_folder_is_one_line(tmp_path):
    """It proposes a file in it."""
    assert f"for example {tmp_path}/documents.db" in refused(tmp_path)


def test_a_file_in_the_way_of_the_folder_is_one_line(tmp_path):
    """The folder cannot be made."""
    (tmp_path / "data").write_text("")

    message = refused(tmp_path / "data" / "documents.db")
    assert f"cannot be created: File exists: {tmp_path}/data. Give this user" in message


def test_a_read_only_file_is_one_line(public):
    """Whether another process has it open or not."""
    path = public / "documents.db"
    written_by_another(path)
    path.chmod(0o444)
    public.chmod(0o777)  # it is the file's fault

    message = without_privileges(lambda: create(opened(path)))
    assert "cannot be written. Give this user read and write permission" in message
    index = opened(path)
    create(index)
    for name in public.iterdir():
        name.chmod(0o444)
    assert message == without_privileges(lambda: create(opened(path)))
    assert listed(index) == ["d0", "d1"]


def test_a_read_only_folder_is_one_line(public):
    """Where there is no file yet, and where there is one."""
    path = public / "documents.db"
    public.chmod(0o555)

    message = without_privileges(lambda: opened(path))
    assert "cannot be created: Permission denied: " in message
    written_by_another(path)
    message = without_privileges(lambda: opened(path))
    assert "cannot be written. Give this user read and write permission" in message


def test_what_else_sqlite_says_is_one_line():
    """With its words."""
    text = database.describe_error(Path("documents.db"), sqlite3.OperationalError("disk I/O error"))

    assert text.startswith("the document index documents.db cannot be used: disk I/O error. Check")
    full = database.describe_error(Path("x"), sqlite3.OperationalError("database or disk is full"))
    assert full.endswith("x cannot grow: the disk is full. Free some space and try again")


def test_a_file_system_without_shared_memory_is_one_line(tmp_path, monkeypatch):
    """SQLite then keeps another journal, which is less safe with several processes."""
    connect = sqlite3.connect

    class Elsewhere(sqlite3.Connection):
        def execute(self, statement, *values):
            wal = statement == "PRAGMA journal_mode = WAL"
            return super().execute("SELECT 'delete'" if wal else statement, *values)

    monkeypatch.setattr(
        sqlite3, "connect", lambda *place, **options: connect(*place, **options, factory=Elsewhere)
    )

    assert "file system without shared memory" in refused(tmp_path / "documents.db")


def test_the_error_is_one_of_ours_and_no_bad_request():
    """Stache's API answers a ValueError with "not found"."""
    assert issubclass(DocumentIndexError, S3VectorsError)
    assert not issubclass(DocumentIndexError, ValueError)


def test_an_empty_file_becomes_an_index(tmp_path):
    """As a killed first start leaves it."""
    (tmp_path / "documents.db").touch()

    assert listed(opened(tmp_path / "documents.db")) == []


def test_a_file_that_is_deleted_is_made_again(tmp_path):
    """Empty; so is one that another replaces used."""
    path = tmp_path / "documents.db"
    index = opened(path)
    create(index)
    for name in tmp_path.iterdir():
        name.unlink()

    assert listed(index) == []
    create(index, "d2")
    assert listed(opened(path)) == ["d2"]


def test_the_file_is_for_its_owner_only(tmp_path):
    """It has names and metadata of documents."""
    index = opened(tmp_path / "data" / "documents.db")
    create(index)
    index.soft_delete_document("d1", "n", delete_reason="reingest_version")

    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_what_is_written_is_synchronised(tmp_path):
    """A write-ahead log, and every commit on disk."""
    index = opened(tmp_path / "documents.db")

    with index._open().read() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_write_that_fails_half_way_changes_nothing(tmp_path):
    """It is one transaction."""
    index = opened(tmp_path / "documents.db")
    create(index)

    def fail():
        with index._open().write() as db:
            db.execute("DELETE FROM documents")
            raise TypeError

    with pytest.raises(TypeError):
        fail()
    assert listed(index) == ["d1"]


def test_many_threads_write_and_read_at_a_time(tmp_path):
    """Nothing is lost, and threads that end leave no connection."""
    index = opened(tmp_path / "documents.db")
    handles = len(database._handles)

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda n: (create(index, f"d{n}"), listed(index)), range(80)):
            pass
    assert len(listed(index)) == 80
    thread = threading.Thread(target=listed, args=(index,))
    thread.start()
    thread.join()
    assert len(database._handles) <= handles + 1


def fill(path, first, count):
    index = opened(path)
    for number in range(first, first + count):
        create(index, f"d{number}")


def test_several_processes_write_at_a_time(tmp_path):
    """Each starts with a file that is not there yet."""
    path = tmp_path / "documents.db"
    writers = [PROCESSES.Process(target=fill, args=(path, n * 30, 30)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(listed(opened(path))) == 90


def test_a_forked_process_opens_the_file_again(tmp_path):
    """Parent and child write, and neither loses what the other wrote."""
    index = opened(tmp_path / "documents.db")
    create(index, "before")

    for number in range(3):
        run_in_child(lambda number=number: create(index, f"child{number}"))
        create(index, f"parent{number}")

    assert len(listed(index)) == 7


def test_a_fork_waits_for_a_write_that_is_under_way(tmp_path):
    """And carries none of its locks into the child."""
    index = opened(tmp_path / "documents.db")
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

    assert listed(index) == ["after", "child"]


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
def test_the_file_is_where_the_settings_say(tmp_path, settings, path):
    """Beside the engine's data, or where Stache keeps its namespaces."""
    assert resolve_document_index_path(Settings(**settings)) == tmp_path / path


def test_the_home_folder_is_meant_by_a_tilde(monkeypatch, tmp_path):
    """As in the endpoint."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    settings = Settings(s3vectors_document_index_path="~/documents.db")
    assert resolve_document_index_path(settings) == tmp_path / "home" / "documents.db"


def test_the_file_is_read_from_the_environment(monkeypatch, tmp_path):
    """Stache hands over settings that do not know ours."""
    from stache_ai.config import Settings as StacheSettings  # noqa: PLC0415 - reads .env

    (tmp_path / ".env").write_text("S3VECTORS_DOCUMENT_INDEX_PATH=there.db\n")

    assert SQLiteDocumentIndex(StacheSettings()).path == tmp_path / "there.db"
