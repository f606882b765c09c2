"""`copy-from` out of Qdrant, by Stache's own provider for it, in Qdrant's local mode."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from array import array

import pytest

from support import ROOT, plugin_package, providers, tool

PYTHON = ROOT / ".venv-qdrant" / "bin" / "python"

CHUNKS = 20_000
KINDS = {"documents-8": 3, "summaries-8": 1, "insights-8": 1}
"""Of five chunks, the number that goes into each index."""


def run(place, *arguments, **environment):
    """Run a program of the environment that has Qdrant."""
    assert PYTHON.exists(), "`make test` sets it up"
    paths = (str(place / "packages"), os.environ.get("PYTHONPATH"))
    settings = {"QDRANT_URL": "qdrant", "EMBEDDING_DIMENSION": "8", **environment}
    return subprocess.run(
        [PYTHON, *arguments],
        cwd=place,
        env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )


def copy(place, *options, **environment):
    command = ("-m", "stache_ai_s3vectors", "copy-from", "qdrant-local", *tool.BUCKET)
    return run(place, *command, "--endpoint", "local:data", *options, **environment)


@pytest.fixture
def qdrant(tmp_path):
    """Return a function that fills a collection in a directory with chunks."""
    (tmp_path / "packages").mkdir()
    plugin_package.write_package(
        tmp_path / "packages", "stache.vectordb", "qdrant-local", "local_qdrant:LocalQdrant"
    )

    def fill(count, metric="Cosine", **environment):
        result = run(tmp_path, "-m", "local_qdrant", "fill", str(count), metric, **environment)
        assert result.returncode == 0, result.stderr
        return tmp_path

    return fill


def read_source(place):
    """Read the vector and payload of every point, by its id."""
    result = run(place, "-m", "local_qdrant", "print")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def open_index(name):
    return providers.create_provider(
        name, s3vectors_endpoint_url="local:data", embedding_dimension=8
    )


def count_copied():
    """Count the vectors in Stache's three indexes."""
    count = sum(open_index(name).get_collection_info(count=True)["count"] for name in KINDS)
    providers.close_engines()
    return count


def read_copy(name):
    """Read an index through the provider."""
    provider = open_index(name)
    keys = [row["id"] for row in provider.scan_by_metadata(fields=["doc_id"])]
    rows = provider.get_vectors_with_embeddings(keys)
    providers.close_engines()
    assert len(rows) == len(keys)
    return {row["id"]: {"vector": row["vector"], "payload": row["metadata"]} for row in rows}


@pytest.mark.long
def test_a_copy_that_is_killed_and_interrupted_is_completed_without_loss(qdrant):
    """20,000 chunks: after SIGKILL, Ctrl-C and a third run, each exists once, unchanged."""
    place = qdrant(CHUNKS)

    # All are read once before anything is written
    killed = copy(place, INTERRUPTION=f"KILL:{CHUNKS + 7_000}")
    after_kill = count_copied()
    interrupted = copy(place, INTERRUPTION=f"INT:{CHUNKS + 14_000}")
    after_interruption = count_copied()
    completed = copy(place, "--json")

    assert killed.returncode == -signal.SIGKILL
    assert interrupted.returncode == 130
    assert "Stopped: documents-8: " in interrupted.stderr
    assert 0 < after_kill < after_interruption < CHUNKS
    assert completed.returncode == 0, completed.stderr
    entries = {entry["index"]: entry for entry in json.loads(completed.stdout)["indexes"]}
    source = read_source(place)
    assert len(source) == CHUNKS
    copied = {}
    for name, share in KINDS.items():
        part = read_copy(name)
        assert len(part) == CHUNKS * share // 5 == entries[name]["verified"]
        assert entries[name]["written"] + entries[name]["unchanged"] == len(part)
        copied |= part
    assert sum(entry["written"] for entry in entries.values()) == CHUNKS - after_interruption
    for point in source.values():
        point["payload"].setdefault("status", "active")
    for point in (*source.values(), *copied.values()):
        point["vector"] = array("f", point["vector"]).tolist()  # both databases search float32
    assert copied == source
    # JSON keeps 2.0 apart from 2, and Python does not
    assert json.dumps(copied, sort_keys=True) == json.dumps(source, sort_keys=True)


def test_the_metric_and_the_dimensions_of_a_collection_are_checked(qdrant):
    """Before anything is written."""
    place = qdrant(10)
    qdrant(10, "Dot", QDRANT_COLLECTION="dot")
    tool.run_checked("indexes", "create", "documents-4", *tool.LOCAL)
    providers.close_engines()

    wrong = copy(place, S3VECTORS_DOCUMENTS_INDEX="documents-4")
    other = copy(place, QDRANT_COLLECTION="dot")

    assert wrong.returncode == 2
    assert "the vectors have 8 dimensions, index my-bucket/documents-4 has 4" in wrong.stderr
    assert other.returncode == 2
    assert "provider 'qdrant-local' uses the metric dot" in other.stderr
    provider = providers.create_provider("documents-4", s3vectors_endpoint_url="local:data")
    assert tool.read_contents(provider) == {}


def test_the_commands_of_the_page_work(qdrant):
    """With a directory instead of a server, and the local engine instead of AWS."""
    place = qdrant(10, EMBEDDING_DIMENSION="1024")
    page = (ROOT / "docs" / "move.md").read_text().replace("http://qdrant.example:6333", "qdrant")
    [block] = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    install, *commands = block.splitlines()

    assert install == "pip install stache-ai-qdrant"
    for command in commands:
        variables, _, arguments = command.rpartition("stache-s3vectors ")
        environment = dict(pair.split("=") for pair in variables.split())
        words = shlex.split(arguments.replace(" qdrant ", " qdrant-local "))
        result = run(
            place, "-m", "stache_ai_s3vectors", *words, "--endpoint", "local:data", **environment
        )
        assert result.returncode == 0, result.stderr
    assert "my-bucket/documents-1024: 6 vectors written" in result.stdout


def test_an_unreachable_server_is_reported_with_its_settings(tmp_path):
    """As Stache's provider finds none."""
    result = run(
        tmp_path,
        *("-m", "stache_ai_s3vectors", "copy-from", "qdrant", *tool.BUCKET),
        *("--endpoint", "local:data"),
        QDRANT_URL="http://127.0.0.1:1",
    )

    assert result.returncode == 2
    assert "Error: Stache cannot use its provider 'qdrant': [Errno 111]" in result.stderr
    assert "QDRANT_URL, QDRANT_API_KEY, QDRANT_COLLECTION" in result.stderr
