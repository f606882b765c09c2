"""Which processes are still running, and that a fork in the middle of something hangs nobody."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from forks import run_in_child
from stache_ai_s3vectors.plugins.document_index import ingests, sessions
from stache_ai_s3vectors.plugins.document_index.database import open_database

PROCESSES = multiprocessing.get_context("spawn")


def hold(path, number):
    """Open a session, tell its number, and wait to be killed."""
    number.send(sessions.open_session(open_database(path)))
    number.recv()


@pytest.fixture
def database(tmp_path):
    return open_database(tmp_path / "documents.db")


def test_another_process_s_session_ends_with_it(database):
    """However it ends; meanwhile nobody else can have its number."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=hold, args=(database.path, theirs))
    process.start()
    number = ours.recv()

    assert not sessions.claim_ended(database, number)
    assert sessions.open_session(database) != number
    process.kill()
    process.join()
    assert sessions.claim_ended(database, number)
    sessions.release(database, number)


def test_a_process_has_one_session_and_never_claims_it(database):
    """For each file; a forked one has another."""
    number = sessions.open_session(database)

    assert sessions.open_session(database) == sessions.own_session(database) == number
    assert not sessions.claim_ended(database, number)
    assert run_in_child(lambda: sessions.own_session(database)) is None
    assert run_in_child(lambda: sessions.open_session(database)) != number
    assert not run_in_child(lambda: sessions.claim_ended(database, number))


def test_a_number_whose_lock_another_has_is_passed_over(database, monkeypatch):
    """It is left of a file that was deleted while a process used it."""
    taken = iter([False, True])
    monkeypatch.setattr(sessions, "_lock", lambda *_: next(taken))

    assert sessions.open_session(database) == 2


def test_a_fork_while_another_thread_settles_hangs_nobody(database):
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
