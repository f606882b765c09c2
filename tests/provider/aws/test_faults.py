"""Throttling, failures, lost responses and kills: what is stored is what the provider reports."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from s3vectors_local import Faults, connect
from stache_ai_s3vectors import PartialWriteError, S3VectorsError
from support import TESTS, providers
from support.endpoints import serve

RATES = {"429": 0.05, "503": 0.05, "timeout": 0.05, "dropped": 0.05}
VECTOR = [1.0, 2.0, 3.0, 4.0]
COUNT = 10_000


class Expected:
    """The values that each id may have after what the provider reported; None is no vector."""

    def __init__(self):
        self.possible = {}

    def change(self, call, ids, after):
        """Run a call; `after` returns an id's new value."""
        done, missing = ids, []
        try:
            call(ids)
        except PartialWriteError as error:
            done, missing = error.done, error.missing
            assert not {*done} & {*missing}
            assert {*done, *missing} <= {*ids}
        except S3VectorsError:
            done, missing = [], ids
        for id_ in done:
            self.possible[id_] = {after(value) for value in self._of(id_)}
        for id_ in missing:
            self.possible[id_] = self._of(id_) | {after(value) for value in self._of(id_)}

    def _of(self, id_):
        return self.possible.get(id_, {None})

    @property
    def open(self):
        """The ids whose value is unknown."""
        return [id_ for id_, values in self.possible.items() if len(values) > 1]

    def check(self, rows):
        """Check that what is stored is what was reported."""
        stored = {row["id"]: (row["version"], row["status"]) for row in rows}
        assert stored.keys() <= self.possible.keys()
        for id_, values in self.possible.items():
            assert stored.get(id_) in values, id_


def run_history(provider, expected, seed):
    """Insert, update, soft-delete and delete 10,000 vectors, 1 to 500 per call."""
    generator = random.Random(seed)
    ids = [f"id-{n}" for n in range(COUNT)]
    start = 0
    while start < COUNT:
        size = generator.randint(1, 500)
        part = ids[start : start + size]
        start += size
        expected.change(build_insert(provider, 1), part, lambda _: (1, "active"))
        some = generator.sample(ids[:start], min(start, generator.randint(1, 500)))
        kind = generator.choice(("update", "status", "delete", "delete inside"))
        if kind == "update":
            expected.change(build_insert(provider, 2), some, lambda _: (2, "active"))
        elif kind == "delete":
            expected.change(provider.delete, some, lambda _: None)
        elif kind == "delete inside":
            expected.change(lambda ids: provider.delete(ids, "default"), some, lambda _: None)
        else:
            expected.change(
                lambda ids: provider.update_status(ids, "default", "deleting"),
                some,
                lambda value: value and (value[0], "deleting"),
            )


def build_insert(provider, version):
    """Build a function that stores ids, with a version in the metadata."""

    def call(ids):
        metadatas = [{"version": version} for _ in ids]
        assert provider.insert([VECTOR] * len(ids), ids, metadatas, ids=ids) == ids

    return call


@pytest.mark.parametrize("attempts", [5, 2, 1])
def test_what_is_stored_is_what_was_reported(attempts, monkeypatch):
    """20 % of all requests fail; with a single attempt, many calls fail and name the ids."""
    providers.skip_waiting(monkeypatch)
    provider = providers.create_provider(s3vectors_max_attempts=attempts)
    provider.get_collection_info()
    engine = providers.get_engine("local:")
    connect(provider.client, engine, faults=Faults(RATES, seed=attempts))
    retries = providers.record_retries(provider.client)
    expected = Expected()

    run_history(provider, expected, seed=attempts)

    connect(provider.client, engine)
    expected.check(provider.scan_by_metadata(fields=["version", "status"]))
    assert expected.open if attempts == 1 else sum(retries) > 0


@pytest.mark.long
def test_what_is_stored_over_http_is_what_was_reported(monkeypatch, tmp_path):
    """Real sockets are closed, or nothing arrives within the read timeout of a second."""
    providers.skip_waiting(monkeypatch)
    data = str(tmp_path / "data")
    expected = Expected()
    faults = [f"--fault={kind}:{rate}" for kind, rate in RATES.items()]
    with serve("--data", data, "--seed", "7", *faults) as url:
        provider = providers.create_provider(
            s3vectors_endpoint_url=url,
            s3vectors_read_timeout=1,
            s3vectors_create_index=True,
            s3vectors_write_rate=0,
        )
        with closing(provider.client) as client:
            retries = providers.record_retries(client)
            client.create_vector_bucket(vectorBucketName="my-bucket")
            run_history(provider, expected, seed=7)
            assert sum(retries) > 0

    with serve("--data", data) as url:
        provider = providers.create_provider(s3vectors_endpoint_url=url)
        with closing(provider.client):
            expected.check(provider.scan_by_metadata(fields=["version", "status"]))


@pytest.mark.parametrize("seed", range(5))
def test_generated_ids_are_stored_only_if_insert_reports_them(seed, monkeypatch):
    """After an error, no vector is stored under an id that the error does not name."""
    providers.skip_waiting(monkeypatch)
    provider = providers.create_provider(s3vectors_max_attempts=1)
    provider.get_collection_info()
    engine = providers.get_engine("local:")
    connect(provider.client, engine, faults=Faults(RATES, seed=seed))
    sure, perhaps = set(), set()
    for _ in range(10):
        try:
            sure |= {*provider.insert([VECTOR] * 1500, ["t"] * 1500)}
        except PartialWriteError as error:
            sure |= {*error.done}
            perhaps |= {*error.missing}
        except S3VectorsError:
            pass  # nothing is stored

    connect(provider.client, engine)
    stored = {row["id"] for row in provider.scan_by_metadata(fields=[])}
    assert sure <= stored <= sure | perhaps


@pytest.mark.parametrize("seed", range(5))
def test_delete_by_metadata_deletes_what_it_reports_and_completes_when_repeated(seed, monkeypatch):
    """This holds for any share of failed requests."""
    providers.skip_waiting(monkeypatch)
    provider = providers.create_provider(s3vectors_max_attempts=1)
    ids = [str(n) for n in range(2000)]
    metadatas = [{"doc_id": "d" if n % 2 else "e"} for n in range(2000)]
    provider.insert([VECTOR] * 2000, ids, metadatas, ids)
    connect(provider.client, providers.get_engine("local:"), faults=Faults(RATES, seed=seed))
    gone = set()
    for _ in range(500):
        try:
            gone |= {*provider.delete_by_metadata("doc_id", "d")["ids"]}
            break
        except PartialWriteError as error:
            gone |= {*error.done}
        except S3VectorsError:
            pass

    connect(provider.client, providers.get_engine("local:"))
    assert gone <= {*ids[1::2]}
    assert provider.count_by_filter({"doc_id": "d"}) == 0
    assert provider.count_by_filter({}) == 1000


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from support import providers
provider = providers.create_provider(s3vectors_endpoint_url="local:data")
calls = 0
def die(**_):
    global calls
    calls += 1
    if calls >= int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
provider.client.meta.events.register(f"after-call.s3vectors.{sys.argv[2]}", die)
eval(sys.argv[3])
"""


def kill_during(operation, call, at):
    """Run a call in a process that is killed after the n-th response to an operation."""
    result = subprocess.run(
        [sys.executable, "-c", KILLED, TESTS, operation, call, str(at)], check=False
    )
    assert result.returncode == -signal.SIGKILL


def fill(count):
    """Store `count` chunks on disk, half of them of the document `gone`; return their ids."""
    provider = providers.create_provider(s3vectors_endpoint_url="local:data")
    ids = [f"id-{n}" for n in range(count)]
    metadatas = [{"doc_id": "gone" if n % 2 else "kept"} for n in range(count)]
    provider.insert([VECTOR] * count, ids, metadatas, ids=ids)
    providers.close_engines()
    return ids


def reopen():
    return providers.create_provider(s3vectors_endpoint_url="local:data")


@pytest.mark.parametrize("at", [1, 2, 7])
def test_a_killed_delete_by_metadata_is_completed_by_calling_again(at):
    """Some segments are deleted, the others are not, and no other chunk is deleted."""
    fill(2500)
    call = 'provider.delete_by_metadata("doc_id", "gone")'

    kill_during("DeleteVectors", call, at)
    again = reopen().delete_by_metadata("doc_id", "gone")

    assert 0 < again["deleted"] < 1250
    assert reopen().count_by_filter({"doc_id": "gone"}) == 0
    assert reopen().count_by_filter({"doc_id": "kept"}) == 1250


@pytest.mark.parametrize("at", [1, 3])
def test_a_killed_update_status_is_completed_by_calling_again(at):
    """Chunks have the old status or the new one, and lose nothing."""
    ids = fill(600)

    kill_during("PutVectors", f"provider.update_status({ids}, None, 'deleting')", at)
    provider = reopen()
    done = provider.count_by_filter({"status": "deleting"})
    assert provider.count_by_filter({"status": "active"}) + done == 600
    assert done >= 100 * at

    assert provider.update_status(ids, None, "deleting") == 600
    assert provider.count_by_filter({"status": "deleting", "doc_id": "gone"}) == 300
