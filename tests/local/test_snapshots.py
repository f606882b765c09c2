"""`export`, `import` and `reset`, for a data directory and a running engine."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import re
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from click.testing import CliRunner

import s3vectors_local.exports
import stache_ai_s3vectors.tool.exports
from s3vectors_local import Engine, snapshot_commands
from s3vectors_local.__main__ import main
from s3vectors_local.exports import LINE_BYTES, DamagedExportError, Reader
from s3vectors_local.remote import RemoteEngine
from s3vectors_local.snapshots import SnapshotIndex
from stache_ai_s3vectors.aws.connections import close_engines
from support import tool
from support.endpoints import serve

NAMES = {"vectorBucketName": "my-bucket", "indexName": "notes"}
TEXTS = [{"metadataKey": "text", "language": "en"}]
COUNT = 1_203


def run_command(*arguments, status=0, **options):
    result = CliRunner().invoke(main, [str(word) for word in arguments], **options)
    assert result.exit_code == status, result.output
    return result.output


def fill(directory):
    """Create two buckets, one empty, and two indexes, one empty, one with difficult vectors."""
    generator = np.random.default_rng(3)
    with Engine(directory) as engine:
        for bucket in ("my-bucket", "empty-bucket"):
            engine.call("CreateVectorBucket", {"vectorBucketName": bucket})
        shape = {"dataType": "float32", "dimension": 3, "distanceMetric": "euclidean"}
        metadata_configuration = {
            "nonFilterableMetadataKeys": ["text", "b"],
            "textSearchConfigurations": TEXTS,
        }
        engine.call(
            "CreateIndex", {**NAMES, **shape, "metadataConfiguration": metadata_configuration}
        )
        engine.call("CreateIndex", {**NAMES, "indexName": "empty.index", **shape})
        vectors = [
            {
                "key": f'{n % 7} \u00e9\U0001f600\n"{n}',
                "data": {
                    "float32": generator.normal(size=3).astype(np.float32) * 10.0 ** (n % 60 - 30)
                },
                "metadata": {
                    "text": f"words {n}",
                    "n": n * 1.1,
                    "list": [1, 2**60],
                    "b": "x" * 3_000,
                },
            }
            for n in range(COUNT)
        ]
        for start in range(0, COUNT, 500):
            engine.call("PutVectors", {**NAMES, "vectors": vectors[start : start + 500]})


def read_all(directory):
    with Engine(directory) as engine:
        buckets = engine.call("ListVectorBuckets", {})["vectorBuckets"]
        results = {}
        for bucket in (each["vectorBucketName"] for each in buckets):
            for index in engine.call("ListIndexes", {"vectorBucketName": bucket})["indexes"]:
                names = {"vectorBucketName": bucket, "indexName": index["indexName"]}
                description = engine.call("GetIndex", names)["index"]
                del description["creationTime"]
                description.get("metadataConfiguration", {}).get(
                    "nonFilterableMetadataKeys", []
                ).sort()
                for text in description.get("metadataConfiguration", {}).get(
                    "textSearchConfigurations", ()
                ):
                    del text["status"]
                results[bucket, index["indexName"]] = description, list_vectors(engine, names)
        return results


def list_vectors(engine, names):
    results, token = {}, {}
    while True:
        request = {**names, "returnData": True, "returnMetadata": True, **token}
        page = engine.call("ListVectors", request)
        for vector in page["vectors"]:
            results[vector["key"]] = vector["data"]["float32"].tobytes(), vector["metadata"]
        if "nextToken" not in page:
            return results
        token = {"nextToken": page["nextToken"]}


@contextmanager
def list_engine_options(kind, directory):
    """Return the options for an engine: stopped, running, or running with access keys."""
    if kind == "stopped":
        yield ["--data", directory]
    else:
        key = ["--access-key", "ID:SECRET"] if kind == "verifying" else []
        with serve("--data", str(directory), *key) as url:
            yield ["--endpoint-url", url, *key]


KINDS = ["stopped", "running", "verifying"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_has_all_data(tmp_path, kind):
    """After export, reset and import, indexes and vectors are equal to the bit."""
    data, snapshot = tmp_path / "data", tmp_path / "snapshot"
    fill(data)
    before = read_all(data)

    with list_engine_options(kind, data) as engine:
        printed = run_command("export", snapshot, *engine)
        assert f"my-bucket/notes: {COUNT} vectors to {snapshot}/my-bucket/notes.jsonl" in printed
        assert {str(path.relative_to(snapshot)) for path in snapshot.rglob("*")} == {
            "empty-bucket",
            "my-bucket",
            "my-bucket/empty.index.jsonl",
            "my-bucket/notes.jsonl",
        }
        assert "2 vector buckets with 2 indexes deleted" in run_command("reset", "--yes", *engine)
        assert "0 vector buckets" in run_command("reset", *engine)
        assert f"my-bucket/notes: {COUNT} vectors from" in run_command("import", snapshot, *engine)

    assert read_all(data) == before


def test_the_operator_s_tool_reads_and_writes_the_same_files(tmp_path):
    """Each of the two imports and re-exports the files of the other."""
    assert Path(s3vectors_local.exports.__file__).read_text() == (
        Path(stache_ai_s3vectors.tool.exports.__file__).read_text()
    )
    data, theirs, ours = tmp_path / "data", tmp_path / "theirs.jsonl.gz", tmp_path / "ours.jsonl.gz"
    fill(data)
    index = ["--bucket", "my-bucket", "--index", "notes", "--endpoint"]
    tool.run_checked("export", str(theirs), *index, f"local:{data}")
    close_engines()
    run_command("export", ours, "--data", data, "--index", "my-bucket/notes")

    def lines(file):
        head, *rest = gzip.decompress(file.read_bytes()).splitlines()
        # Ours describes more of the index, which changes each checksum
        members = {name: value for name, value in json.loads(head).items() if name != "sum"}
        members.pop("textSearchConfigurations", None)
        return members, [line.rpartition(b',"sum"')[0] for line in rest]

    assert lines(ours) == lines(theirs)
    for number, file in enumerate((ours, theirs)):
        copy = tmp_path / f"copy-{number}"
        run_command("import", file, "--data", copy, "--index", "my-bucket/notes")
        assert read_all(copy)["my-bucket", "notes"][1] == read_all(data)["my-bucket", "notes"][1]
    with Engine(data) as engine:
        names = {**NAMES, "indexName": "copied"}
        shape = {"dataType": "float32", "dimension": 3, "distanceMetric": "euclidean"}
        configuration = {"metadataConfiguration": {"nonFilterableMetadataKeys": ["b", "text"]}}
        engine.call("CreateIndex", {**names, **shape, **configuration})
    options = ["--bucket", "my-bucket", "--index", "copied", "--endpoint", f"local:{data}"]
    tool.run_checked("import", str(ours), *options)
    close_engines()
    results = read_all(data)
    assert results["my-bucket", "copied"][1] == results["my-bucket", "notes"][1]


def test_an_index_can_be_sent_through_a_pipe(tmp_path):
    """It goes from one engine to another, without a file."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    fill(data)
    command = [sys.executable, "-m", "s3vectors_local"]

    with subprocess.Popen(
        [*command, "export", "-", "--index", "my-bucket/notes", "--data", data],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as export:
        taken = subprocess.run(
            [*command, "import", "-", "--index", "my-bucket/notes", "--data", copy],
            stdin=export.stdout,
            capture_output=True,
            text=True,
            check=False,
        )

    assert taken.stderr == f"s3vectors-local: my-bucket/notes: {COUNT} vectors from -\n"
    assert read_all(copy)["my-bucket", "notes"] == read_all(data)["my-bucket", "notes"]


def damage_line(line, change):
    def damage(data):
        lines = data.splitlines(keepends=True)
        lines[line] = change(lines[line])
        return b"".join(lines)

    return damage


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            damage_line(600, lambda line: line.replace(b"words", b"wards")),
            "line 601 .*checksum does not match",
        ),
        (damage_line(600, lambda _: b""), "line 601 .* checksum does not match"),
        (lambda data: data[:200_000], "is damaged|is missing: the file was cut off"),
        (damage_line(0, lambda line: line[:20]), "line 1 .* not the first line of an export"),
        (lambda _: b"", "line 1 .* not the first line of an export"),
        (lambda _: b"{}\n" * 3, "line 1 .* not the first line"),
        (
            lambda data: data.splitlines()[0] + b"\n" + b"x" * (LINE_BYTES + 9),
            "line 2 .* longer than",
        ),
    ],
)
def test_a_damaged_file_is_stored_up_to_the_damage(tmp_path, damage, message):
    """The error has the line, and the vectors before it are stored."""
    data, copy, file = tmp_path / "data", tmp_path / "copy", tmp_path / "notes.jsonl"
    fill(data)
    run_command("export", file, "--data", data, "--index", "my-bucket/notes")
    file.write_bytes(damage(file.read_bytes()))

    printed = run_command("import", file, "--data", copy, "--index", "my-bucket/notes", status=2)

    assert re.search(message, printed), printed
    complete = read_all(data)["my-bucket", "notes"][1]
    stored = read_all(copy).get(("my-bucket", "notes"), (None, {}))[1]
    assert stored.items() <= complete.items()
    assert f"stopped after {len(stored)} vectors" in printed or not stored


def add_checksums(*documents):
    """Return a file with correct checksums for any lines."""
    chain = s3vectors_local.exports._Chain()
    return b"".join(chain.close(document) + b"\n" for document in documents)


HEAD = json.dumps(s3vectors_local.exports.build_header(2, "cosine", [])).encode()
GOOD = b'{"key":"a","metadata":{},"vector":[1,0]}'


@pytest.mark.parametrize(
    "head, line, message",
    [
        (HEAD.replace(b'"dimension": 2', b'"dimension": "2"'), GOOD, "line 1 .* describe an index"),
        (HEAD.replace(b'"cosine"', b"1"), GOOD, "line 1 .* does not describe an index"),
        (HEAD.replace(b"[]", b"[1]"), GOOD, "line 1 .* does not describe an index"),
        (
            HEAD.replace(b'"version": 1', b'"version": 2'),
            GOOD,
            "has version 2; this program reads version 1",
        ),
        (HEAD, b'{"metadata":{},"vector":[1,0]}', "line 2 .*it has no key or no metadata"),
        (HEAD, b'{"key":1,"metadata":{},"vector":[1,0]}', "it has no key or no metadata"),
        (HEAD, b'{"key":"a","metadata":[],"vector":[1,0]}', "it has no key or no metadata"),
        (HEAD, b'{"key":"a","metadata":{}}', "line 2 .*neither a vector nor the correct number"),
        (HEAD, b'{"vectors":0}', "line 3 .*it follows the end of the export"),
        (HEAD, b'{"key":"a","metadata":{},"vector":[1,0,0]}', "is not an array of 2 numbers"),
        (HEAD, b'{"key":"a","metadata":{},"vector":{"a":1}}', "is not an array of 2 numbers"),
        (HEAD, b'{"key":"a","metadata":{},"vector":[1,"0"]}', "something that is not a number"),
        (HEAD, b'{"key":"a","metadata":{},"vector":[1,[0]]}', "something that is not a number"),
        (HEAD, b'{"key":"a","metadata":{},"vector":[1,true]}', "something that is not a number"),
        (HEAD, b'{"key":"a","metadata":{},"vector":[1,1e999]}', "it is not JSON"),
        (HEAD, GOOD[:-1] + b"},{" + GOOD[1:], "it is not JSON"),
        (HEAD, b'["key","metadata","vector"]', "its checksum does not match"),
        (HEAD, b'{"key",}', "it is not JSON"),
    ],
)
def test_a_crafted_file_stores_nothing_but_vectors(tmp_path, head, line, message):
    """Its checksums are correct. A line that is not a vector of the index counts as damage."""
    file = tmp_path / "crafted.jsonl"
    file.write_bytes(add_checksums(head, line, b'{"vectors":1}'))

    printed = run_command(
        "import", file, "--data", tmp_path / "a", "--index", "my-bucket/notes", status=2
    )
    index = ["--bucket", "my-bucket", "--index", "notes-2", "--endpoint", f"local:{tmp_path}/b"]
    theirs = tool.run("import", str(file), *index)

    assert theirs.exit_code == 1
    for output in (printed, theirs.output):
        assert re.search(message, " ".join(output.split())), output


def test_a_repeated_key_is_damage(tmp_path):
    """A file has its vectors in the order of their keys."""
    file = tmp_path / "twice.jsonl"
    file.write_bytes(add_checksums(HEAD, GOOD, GOOD, b'{"vectors":2}'))

    printed = run_command(
        "import", file, "--data", tmp_path / "a", "--index", "my-bucket/notes", status=2
    )

    assert "line 3" in printed
    assert "its key does not come after the previous one" in printed


def test_a_small_gzip_of_a_large_line_takes_little_memory(tmp_path):
    """It is decompressed in pieces, and refused if a line is too long."""
    file = tmp_path / "bomb.jsonl.gz"
    file.write_bytes(gzip.compress(add_checksums(HEAD)) + gzip.compress(bytes(300_000_000)))
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))\n"
        "from s3vectors_local.exports import Reader\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: list(Reader(open(sys.argv[1], 'rb')).vectors())\n"
        "except Exception as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, check=False
    )

    assert "it is longer than 1,048,576 bytes" in result.stdout, result.stderr
    assert result.stdout.endswith("True\n")


def test_an_index_of_another_kind_is_refused_before_anything_is_stored(tmp_path):
    """Dimension, metric and non-filterable keys must be those of the file."""
    data, file = tmp_path / "data", tmp_path / "notes.jsonl"
    fill(data)
    file.write_bytes(add_checksums(HEAD, GOOD, b'{"vectors":1}'))

    printed = run_command("import", file, "--data", data, "--index", "my-bucket/notes", status=2)

    assert "the index my-bucket/notes has dimension, metric and non-filterable keys" in printed
    assert "stopped after 0 vectors" in printed


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["export", "x"], "name either --data or --endpoint-url"),
        (["export", "x", "--data", ".", "--endpoint-url", "http://x"], "name either --data or"),
        (["export", "x", "--data", "none"], "there is no s3vectors.db in none"),
        (["reset", "--data", "none", "--yes"], "there is no s3vectors.db in none"),
        (["export", "-", "--data", "data"], "- is not a new or empty directory"),
        (["export", "full", "--data", "data"], "full is not a new or empty directory"),
        (["export", "full/a", "--data", "data", "--index", "my-bucket/notes"], "full/a exists"),
        (["export", "x", "--data", "data", "--index", "notes"], '"notes" is not BUCKET/INDEX'),
        (
            [
                "export",
                "x",
                "--data",
                "data",
                "--index",
                "../..",
            ],
            '"../.." is not BUCKET/INDEX',
        ),
        (["export", "x", "--data", "data", "--index", "my-bucket/none"], "NotFoundException: The"),
        (["import", "none", "--data", "data"], "none is not a directory; add --index"),
        (["import", "none", "--data", "data", "--index", "my-bucket/x.y"], "none: No such file"),
        (["import", "full", "--data", "data"], "full has no files BUCKET/INDEX.jsonl"),
        *(
            (["export", "x", "--endpoint-url", url], "is not the URL of an endpoint")
            for url in ("ftp://x", "http://127.0.0.1:abc", "http://x/y", "http://x?y=z", "http://")
        ),
        (["export", "x", "--endpoint-url", "http://127.0.0.1:9"], "Connection refused"),
        (["export", "x", "--endpoint-url", "http://x", "--access-key", "x"], "form ID:SECRET"),
    ],
)
def test_an_error_is_one_line(tmp_path, monkeypatch, arguments, message):
    """It says what is wrong, with the value. Nothing is created."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "data")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    before = sorted(tmp_path.iterdir())

    printed = run_command(*arguments, status=2)

    [line] = [line for line in printed.splitlines() if "stopped after" not in line]
    assert line.startswith("s3vectors-local: ")
    assert message in line
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("answer", ["[1]", "{}", '{"message": 5}', "hello", ""])
def test_an_endpoint_that_is_not_an_engine_is_reported(tmp_path, answer):
    """It may respond anything."""

    class OtherServer(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), OtherServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        printed = run_command("export", tmp_path / "x", "--endpoint-url", url, status=2)
        server.shutdown()
        thread.join()

    assert "the endpoint is not S3 Vectors" in printed


def test_a_pause_between_requests_does_no_harm(tmp_path):
    """A server closes idle connections, so each request opens its own."""
    fill(tmp_path)
    with serve("--data", str(tmp_path)) as url:
        remote = RemoteEngine(url, ("any", "any"), "us-east-1")
        for _ in range(2):
            assert len(remote.call("ListVectorBuckets", {})["vectorBuckets"]) == 2
            assert remote._connection.sock is None
        options = ["--endpoint-url", url]
        keys = {"S3VECTORS_LOCAL_ACCESS_KEY": "A:1 B:2"}
        assert "2 indexes deleted" in run_command("reset", "--yes", *options, env=keys)


def test_reset_asks_for_confirmation(tmp_path):
    """It does so without --yes. The answer no deletes nothing."""
    fill(tmp_path)

    printed = run_command("reset", "--data", tmp_path, input="n\n", status=2)
    assert "Delete 2 vector buckets with 2 indexes?" in printed
    assert "nothing was deleted" in printed
    assert len(read_all(tmp_path)) == 2
    run_command("reset", "--data", tmp_path, input="y\n")
    assert read_all(tmp_path) == {}


def test_other_accounts_and_regions_have_their_own_data(tmp_path):
    """The access key id and the region select it, as in requests."""
    with Engine(tmp_path / "data") as engine:
        caller = engine.caller("111122223333", "eu-west-1")
        engine.call("CreateVectorBucket", {"vectorBucketName": "theirs"}, caller)
    options = ["--data", tmp_path / "data"]

    run_command("export", tmp_path / "ours", *options)
    own = [*options, "--region", "eu-west-1", "--access-key", "111122223333:any"]
    run_command("export", tmp_path / "theirs", *own)

    assert list((tmp_path / "ours").iterdir()) == []
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["theirs"]


def test_a_compressed_export_can_be_read_from_a_pipe(tmp_path):
    """A pipe cannot seek, and may return one byte at a time."""
    data, file = tmp_path / "data", tmp_path / "notes.jsonl.gz"
    fill(data)
    run_command("export", file, "--data", data, "--index", "my-bucket/notes")
    slowly = (
        "import sys, time\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "for part in (data[:1], data[1:2], data[2:]):\n"
        "    sys.stdout.buffer.write(part); sys.stdout.buffer.flush()\n"
    )
    command = [sys.executable, "-m", "s3vectors_local", "import", "-", "--index", "my-bucket/notes"]

    with subprocess.Popen([sys.executable, "-c", slowly, file], stdout=subprocess.PIPE) as source:
        result = subprocess.run(
            [*command, "--data", tmp_path / "copy"],
            stdin=source.stdout,
            capture_output=True,
            text=True,
            check=False,
        )

    assert result.returncode == 0, result.stderr
    assert read_all(tmp_path / "copy")["my-bucket", "notes"] == read_all(data)["my-bucket", "notes"]


def test_two_exports_to_one_file_do_not_mix(tmp_path):
    """Each writes its own file until it is complete. An existing link is not followed."""
    data, file, precious = tmp_path / "data", tmp_path / "notes.jsonl", tmp_path / "precious"
    fill(data)
    precious.write_text("mine")
    (tmp_path / "notes.jsonl.partial").symlink_to(precious)
    with Engine(data) as engine:
        index = SnapshotIndex(engine.call, "my-bucket", "notes")
        real = index.write_to

        def write_export(opened, *, compressed):
            snapshot_commands._write_file(SnapshotIndex(engine.call, "my-bucket", "notes"), file)
            return real(opened, compressed=compressed)

        index.write_to = write_export
        assert snapshot_commands._write_file(index, file) == COUNT

    assert precious.read_text() == "mine"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    run_command("import", file, "--data", tmp_path / "copy", "--index", "my-bucket/notes")
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == ["notes.jsonl.partial"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": [{}]},
        {"a": {}},
        {"a": None},
        {"a": [None]},
        {f"k{n}": 1 for n in range(51)},
        {"a": [1] * 10_241},
        {"a": "x" * 40_961},
        {"a": ["x" * 5_000] * 9},
    ],
)
def test_impossible_metadata_is_damage(tmp_path, metadata):
    """A little of it could use much memory, and its checksums may be correct."""
    file = tmp_path / "crafted.jsonl"
    line = json.dumps({"key": "a", "metadata": metadata, "vector": [1, 0]}, separators=(",", ":"))
    file.write_bytes(add_checksums(HEAD, line.encode(), b'{"vectors":1}'))

    printed = run_command(
        "import", file, "--data", tmp_path / "a", "--index", "my-bucket/notes", status=2
    )

    assert "line 2" in printed
    assert "S3 Vectors does not allow its key or its metadata" in printed


def test_names_from_an_endpoint_are_not_paths(tmp_path):
    """Nothing is written."""
    answers = {
        "/ListVectorBuckets": {"vectorBuckets": [{"vectorBucketName": "../../escaped"}]},
        "/ListIndexes": {"indexes": []},
    }

    class HostileServer(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answers[self.path]).encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), HostileServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        first = run_command("export", tmp_path / "a" / "b", "--endpoint-url", url, status=2)
        answers["/ListVectorBuckets"]["vectorBuckets"][0]["vectorBucketName"] = "my-bucket"
        answers["/ListIndexes"]["indexes"] = [{"indexName": "../authorized"}]
        second = run_command("export", tmp_path / "a" / "b", "--endpoint-url", url, status=2)
        server.shutdown()
        thread.join()

    assert "a bucket with a name that S3 Vectors does not allow" in first
    assert "is not BUCKET/INDEX" in second
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_does_not_reach_the_disk_fails(tmp_path, monkeypatch):
    """Some file systems report a full disk only at the end; a pipe cannot be synced."""
    fill(tmp_path / "data")
    code = errno.ENOSPC

    def fsync(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(s3vectors_local.exports.os, "fsync", fsync)
    options = ["--data", tmp_path / "data", "--index", "my-bucket/notes"]
    assert "No space left" in run_command("export", tmp_path / "x", *options, status=2)
    assert not (tmp_path / "x").exists()
    code = errno.EINVAL
    run_command("export", tmp_path / "x", *options)


def test_many_small_gzip_members_take_little_time():
    """Each is read once."""
    data = (
        gzip.compress(add_checksums(HEAD))
        + gzip.compress(b"x" * 900_000)
        + gzip.compress(b"") * 50_000
    )
    reader = Reader(io.BufferedReader(NamedBytes(data)))
    checked = []
    original = s3vectors_local.exports._check_length

    with (
        mock.patch.object(
            s3vectors_local.exports,
            "_check_length",
            lambda size: (checked.append(1), original(size)),
        ),
        pytest.raises(DamagedExportError),
    ):
        list(reader.vectors())

    assert len(checked) < 100


class NamedBytes(io.BytesIO):
    """Bytes with the name of a file."""

    name = "tiny.jsonl.gz"


def test_numbers_that_are_longer_when_written_again_fit_a_request(tmp_path):
    """They are sent as they are in the file."""
    file = tmp_path / "long.jsonl"
    head = json.dumps(s3vectors_local.exports.build_header(4_096, "cosine", [])).encode()
    vector = b"[" + b",".join([b"1e15"] * 4_096) + b"]"
    lines = [b'{"key":"%04d","metadata":{},"vector":%s}' % (n, vector) for n in range(500)]
    file.write_bytes(add_checksums(head, *lines, b'{"vectors":500}'))

    with serve() as url:
        printed = run_command("import", file, "--endpoint-url", url, "--index", "my-bucket/notes")

    assert "500 vectors from" in printed


def test_an_invalid_snapshot_is_refused_before_anything_is_stored(tmp_path):
    """It has two files for one index, an invalid name, or a missing directory."""
    data, snapshot = tmp_path / "data", tmp_path / "snapshot"
    fill(data)
    run_command("export", snapshot, "--data", data)
    for name, message in (
        ("notes.jsonl.gz", "are for the same index; remove one"),
        ("Bad_Name.jsonl", "with names that S3 Vectors allows"),
    ):
        odd = snapshot / "my-bucket" / name
        odd.write_bytes(b"")
        assert message in run_command("import", snapshot, "--data", tmp_path / "copy", status=2)
        odd.unlink()
    run_command("import", tmp_path / "typo", "--data", tmp_path / "copy", status=2)
    assert not (tmp_path / "copy").exists()
    run_command("import", snapshot, "--data", tmp_path / "copy")
    assert read_all(tmp_path / "copy").keys() == read_all(data).keys()
    with Engine(tmp_path / "copy") as engine:
        assert len(engine.call("ListVectorBuckets", {})["vectorBuckets"]) == 2
