"""Any sequence of puts, deletes and reopenings has the same result as a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from s3vectors_local import Engine
from support.processes import crash

KEYS = st.sampled_from([f"k{n}" for n in range(12)])
METADATA = st.dictionaries(st.sampled_from("ab"), st.integers(0, 2))


class History(RuleBasedStateMachine):
    """An index on disk, compared with a dictionary from key to vector and metadata."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.expected = {}
        crash.create_index(self.directory)
        self.engine = Engine(self.directory)

    def teardown(self):
        """Close the engine and remove the directory."""
        self.engine.close()
        shutil.rmtree(self.directory)

    @rule(entries=st.lists(st.tuples(KEYS, st.integers(1, 9), METADATA), min_size=1, max_size=5))
    def put(self, entries):
        """Put vectors, some with equal keys, of which the last wins."""
        vectors = [
            {"key": key, "data": {"float32": [number] * 8}, "metadata": metadata}
            for key, number, metadata in entries
        ]
        self.engine.call("PutVectors", {**crash.NAMES, "vectors": vectors})
        self.expected |= {key: (number, metadata) for key, number, metadata in entries}

    @rule(keys=st.lists(KEYS, min_size=1, max_size=5))
    def delete(self, keys):
        """Delete vectors, existing or not."""
        self.engine.call("DeleteVectors", {**crash.NAMES, "keys": keys})
        for key in keys:
            self.expected.pop(key, None)

    @rule()
    def reopen(self):
        """Close the directory and open it."""
        self.engine.close()
        self.engine = Engine(self.directory)

    @invariant()
    def index_equals_dictionary(self):
        """Compare both by list, by key, and by a query with a filter."""
        assert crash.read_contents(self.engine) == {
            k: entry[1] for k, entry in self.expected.items()
        }
        request = {"keys": sorted(self.expected) or ["none"], "returnData": True}
        got = self.engine.call("GetVectors", {**crash.NAMES, **request})["vectors"]
        assert len(got) == len(self.expected)
        for vector in got:
            assert np.all(vector["data"]["float32"] == self.expected[vector["key"]][0])
        ones = {key for key, (_, metadata) in self.expected.items() if metadata.get("a") == 1}
        query = {"queryVector": {"float32": [1] * 8}, "filter": {"a": 1}}
        assert crash.query_keys(self.engine, **query) == ones


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=25, stateful_step_count=15)
