"""Sessions: which processes are still running, and forks that block no process."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading

import pytest

from stache_ai_s3vectors.errors import DocumentIndexError
from stache_ai_s3vectors.plugins.document_index import ingests, sessions
from stache_ai_s3vectors.plugins.document_index.database import open_database
from support.processes.forks import run_in_child

PROCESSES = multiprocessing.get_context("spawn")


def hold_session(path, number):
    """Open a session, send its number, and wait for the kill."""
    number.send(sessions.open_session(open_database(path)))
    number.recv()


@pytest.fixture
def database(tmp_path):
    return open_database(tmp_path / "documents.db")


def test_another_process_s_session_ends_with_it(database):
    """Until then, no other process can have its number."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=hold_session, args=(database.path, theirs))
    process.start()
    number = ours.recv()

    assert not sessions.claim_ended(database, number)
    assert sessions.open_session(database) != number
    process.kill()
    process.join()
    assert sessions.claim_ended(database, number)
    sessions.release(database, number)


def test_a_process_has_one_session_and_never_claims_it(database):
    """It has one for each file; a forked process has another."""
    number = sessions.open_session(database)

    assert sessions.open_session(database) == sessions.get_own_session(database) == number
    assert not sessions.claim_ended(database, number)
    assert run_in_child(lambda: sessions.get_own_session(database)) is None
    assert run_in_child(lambda: sessions.open_session(database)) != number
    assert not run_in_child(lambda: sessions.claim_ended(database, number))


def test_a_sessions_file_that_cannot_be_opened_is_an_error(database):
    """It may belong to another user; here it is a folder."""
    database.path.with_name("documents.db-sessions").mkdir()

    with pytest.raises(DocumentIndexError, match="documents.db-sessions: .*directory. Give this"):
        sessions.open_session(database)
    with database.write():
        pass


def test_a_file_system_without_locks_is_an_error(database, monkeypatch):
    """Network file systems may have none."""

    def fail(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(sessions, "_lock_byte", fail)

    with pytest.raises(DocumentIndexError, match="cannot be locked: No locks available. Set S3V"):
        sessions.open_session(database)
    with pytest.raises(DocumentIndexError, match="cannot be locked"):
        sessions.claim_ended(database, 7)


def test_a_locked_number_is_skipped(database, monkeypatch):
    """The lock belongs to a file that was deleted while a process used it."""
    taken = iter([False, True])
    monkeypatch.setattr(sessions, "_lock", lambda *_: next(taken))

    assert sessions.open_session(database) == 2


def test_a_fork_while_another_thread_settles_blocks_no_process(database):
    """The child has locks of its own."""
    held, go_on = threading.Event(), threading.Event()

    def hold_locks():
        with ingests._settling.lock, sessions._locks.guard:
            held.set()
            go_on.wait()

    thread = threading.Thread(target=hold_locks)
    thread.start()
    held.wait()

    def settle():
        ingests.settle(database.path, "documents", None)
        return sessions.open_session(database)

    assert run_in_child(settle) == 1
    go_on.set()
    thread.join()
