"""`export` and `import`: an index as a file, and back, without a difference."""

from __future__ import annotations

import fcntl
import gzip
import json
import re
import shlex
import subprocess
import sys

import pytest

from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.tool import export_files
from support import providers, tool

EXPORT = ("--index", "documents", *tool.LOCAL)
ELSEWHERE = (*tool.BUCKET, "--endpoint", "local:other", "--dimension", "4", "--index", "restored")


@pytest.mark.parametrize("name", ["file.jsonl", "file.jsonl.gz"])
def test_export_import_export_gives_the_same_file(tmp_path, name):
    """And the same vectors, texts and metadata, to the last bit."""
    provider = tool.create_filled_provider(2_500)

    tool.run_checked("export", f"first-{name}", *EXPORT)
    tool.run_checked("import", f"first-{name}", *ELSEWHERE)
    tool.run_checked("export", f"second-{name}", *ELSEWHERE)

    assert (tmp_path / f"first-{name}").read_bytes() == (tmp_path / f"second-{name}").read_bytes()
    restored = providers.create_provider("restored", s3vectors_endpoint_url="local:other")
    assert tool.read_contents(restored) == tool.read_contents(provider)


def test_a_file_called_gz_is_compressed(tmp_path):
    """It has the same lines."""
    tool.create_filled_provider(10)

    tool.run_checked("export", "a.jsonl", *EXPORT)
    tool.run_checked("export", "a.jsonl.gz", *EXPORT)

    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (
        (tmp_path / "a.jsonl").read_bytes()
    )


def test_an_export_has_the_index_the_vectors_by_key_and_their_count(tmp_path):
    """In this order."""
    tool.create_filled_provider(10)

    assert tool.read_json("export", "a.jsonl", *EXPORT) == {
        "file": "a.jsonl",
        "index": "documents",
        "vectors": 10,
    }
    head, *lines, end = map(json.loads, (tmp_path / "a.jsonl").read_text("utf-8").split("\n")[:-1])

    assert (head["dimension"], head["distanceMetric"]) == (4, "cosine")
    assert [line["key"] for line in lines] == [f"key-{n:05}" for n in range(10)]
    assert end["vectors"] == 10


@pytest.mark.parametrize(
    "chosen, count",
    [
        (("--namespace", "books"), 12),
        (("--namespace", "bo/*"), 0),
        (("--filter", '{"doc_id": "d1"}'), 4),
        (("--namespace", "books", "--filter", '{"n": {"$gte": 10}}'), 2),
    ],
)
def test_an_export_can_be_limited(chosen, count):
    """To a namespace, as in a search, and to a filter."""
    tool.create_filled_provider(12)

    assert tool.read_json("export", "part.jsonl", *chosen, *EXPORT)["vectors"] == count


def test_an_invalid_filter_is_wrong_usage():
    """Before anything is read."""
    for text, problem in {
        "{": "is not JSON",
        "[1]": "is not a JSON object",
        '{"a": {"$x": 1}}': "'$x'",
    }.items():
        result = tool.run("export", "part.jsonl", "--filter", text, *EXPORT)
        assert (result.exit_code, problem in result.stderr) == (2, True), result.output


def test_only_its_owner_may_read_an_export(tmp_path):
    """It has every text of the index."""
    tool.create_filled_provider(1)

    tool.run_checked("export", "a.jsonl", *EXPORT)

    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o600


def test_an_export_does_not_follow_a_link(tmp_path):
    """In a shared folder, another user could have made it."""
    start_export()
    [partial] = tmp_path.glob("*.partial")
    partial.unlink()
    (tmp_path / "precious").write_text("precious")
    partial.symlink_to("precious")

    result = tool.run("export", "a.jsonl", "--force", *EXPORT)

    assert result.exit_code == 2
    assert ".partial cannot be written: " in result.stderr
    assert (tmp_path / "precious").read_text() == "precious"


def test_only_force_replaces_an_existing_file(tmp_path):
    """It may be the only backup."""
    tool.create_filled_provider(3)
    (tmp_path / "a.jsonl").write_text("precious")

    result = tool.run("export", "a.jsonl", *EXPORT)
    content = (tmp_path / "a.jsonl").read_text()
    tool.run_checked("export", "a.jsonl", "--force", *EXPORT)

    assert (result.exit_code, content) == (2, "precious")
    assert "add --force" in result.stderr
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == 5


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_an_interrupted_export_is_resumed(tmp_path, name):
    """The file equals that of an uninterrupted export, and no vector is read twice."""
    provider = tool.create_filled_provider(4_200)
    tool.run_checked("export", f"whole-{name}", *EXPORT)
    providers.fail_calls(provider.client, "GetVectors", *range(26, 90))

    stopped = tool.run("export", name, *EXPORT)
    partials = [path.name for path in tmp_path.glob("*.partial")]
    close_engines()  # as in another process
    again = providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    calls = providers.record_calls(again.client)
    tool.run_checked("export", name, *EXPORT)

    assert stopped.exit_code == 1
    assert f"Stopped: what is exported so far is in {partials[0]}." in stopped.stderr
    assert (tmp_path / name).read_bytes() == (tmp_path / f"whole-{name}").read_bytes()
    assert calls.count("GetVectors") < 42
    assert not list(tmp_path.glob("*.partial"))


def start_export(count=2_500):
    """Create an index, and export its first 1,000 vectors.

    Eight calls for 100 vectors each are under way at a time, so of 17 that succeed, the first
    10 are without a gap.
    """
    provider = tool.create_filled_provider(count)
    providers.fail_calls(provider.client, "GetVectors", *range(18, 99))
    assert tool.run("export", "a.jsonl", *EXPORT).exit_code == 1
    close_engines()
    return providers.create_provider("documents", s3vectors_endpoint_url="local:data")


def read_keys(path):
    return [json.loads(line)["key"] for line in path.read_bytes().split(b"\n")[1:-2]]


def test_the_export_of_an_index_that_was_recreated_starts_over(tmp_path):
    """The partial export is of another index, although the name is the same."""
    other = start_export()
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    other.client.delete_index(**names)
    other.insert([[1.0] * 4] * 3, ["t"] * 3, ids=["key-00001", "key-00002", "new"])

    shown = tool.run("export", "a.jsonl", *EXPORT)

    assert shown.exit_code == 0
    assert "Going on" not in shown.stderr
    assert read_keys(tmp_path / "a.jsonl") == ["key-00001", "key-00002", "new"]


def test_a_resumed_export_has_the_keys_of_now(tmp_path):
    """The beginning is kept only as far as it has the same keys."""
    provider = start_export()
    provider.delete(["key-00500"])
    provider.insert([[1.0] * 4], ["t"], ids=["key-00100a"])

    tool.run_checked("export", "a.jsonl", *EXPORT)

    assert read_keys(tmp_path / "a.jsonl") == sorted(tool.read_contents(provider))


def test_a_resumed_export_reports_the_date_of_its_beginning(tmp_path):
    """The beginning may be out of date; --force starts over."""
    start_export()

    went_on = tool.run("export", "a.jsonl", *EXPORT)

    assert re.search(r"Resuming after 1000 vectors, exported by 20\d\d-\d\d-\d\d ", went_on.stderr)
    (tmp_path / "a.jsonl").unlink()
    providers.close_engines()
    start_export()
    assert "Resuming" not in tool.run("export", "a.jsonl", "--force", *EXPORT).stderr


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_two_exports_to_one_file_do_not_mix(tmp_path, options):
    """The second one reports the first, and does not start over in its file."""
    start_export()
    [partial] = tmp_path.glob("*.partial")

    with partial.open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        written = partial.read_bytes()
        result = tool.run("export", "a.jsonl", *options, *EXPORT)

        assert result.exit_code == 1
        assert "another export is writing a.jsonl." in result.stderr
        assert partial.read_bytes() == written
    assert not (tmp_path / "a.jsonl").exists()
    assert tool.run("export", "a.jsonl", *EXPORT).exit_code == 0


def test_an_export_does_not_write_into_one_that_was_completed_meanwhile(tmp_path, monkeypatch):
    """The first export ends between the second one's opening and its lock; a third begins."""
    start_export()
    [partial] = tmp_path.glob("*.partial")
    lock = export_files._lock

    def complete_first(opened):
        partial.replace(tmp_path / "complete")
        partial.write_bytes(b"third")
        return lock(opened)

    monkeypatch.setattr(export_files, "_lock", complete_first)
    result = tool.run("export", "a.jsonl", "--force", *EXPORT)

    assert "another export is writing a.jsonl." in result.stderr
    assert (partial.read_bytes(), (tmp_path / "a.jsonl").exists()) == (b"third", False)
    assert (tmp_path / "complete").stat().st_size > 1000


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    """A missing directory, a directory, a name that is too long."""
    tool.create_filled_provider(1)
    (tmp_path / "folder").mkdir()

    for name in ("nowhere/a.jsonl", "folder", "x" * 300):
        result = tool.run("export", name, *EXPORT)
        assert (result.exit_code, "Stopped" in result.stderr) == (2, False), result.output


def test_a_full_disk_is_an_error(tmp_path):
    """The export is resumed when there is space."""
    tool.create_filled_provider(2_500)
    command = [sys.executable, "-m", "stache_ai_s3vectors", "export", "a.jsonl", *EXPORT]
    close_engines()
    limited = subprocess.run(
        ["bash", "-c", f"ulimit -f 400; trap '' XFSZ; {shlex.join(command)}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert limited.returncode == 1
    assert "Stopped: what is exported so far is in a.jsonl." in limited.stderr
    assert "Fix: make room" in limited.stderr
    tool.run_checked("export", "a.jsonl", *EXPORT)
    assert len(read_keys(tmp_path / "a.jsonl")) == 2_500


@pytest.mark.parametrize(
    "damage, line",
    [
        (lambda lines: [*lines[:5], lines[5].replace(b'"books"', b'"bokks"'), *lines[6:]], 6),
        (lambda lines: [*lines[:5], lines[5].replace(b"0.5", b"0.6"), *lines[6:]], 6),
        (lambda lines: [*lines[:5], lines[5][:40]], 6),
        (lambda lines: lines[:6], 7),
        (lambda lines: lines[:-1], 12),
        (lambda lines: [*lines[:5], *lines[6:]], 6),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], 6),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], 6),
        (lambda lines: [*lines, lines[5]], 13),
        (lambda lines: [*lines[:5], b"", *lines[5:]], 6),
    ],
    ids=[
        "a letter",
        "a digit",
        "cut within a line",
        "cut after a line",
        "cut before the last line",
        "a line lost",
        "a line doubled",
        "two lines swapped",
        "a line after the end",
        "an empty line",
    ],
)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_an_import_stops_at_the_first_damaged_line(tmp_path, damage, line, compressed):
    """The error names the line; the lines before it are imported, and the error says so."""
    tool.create_filled_provider(10)
    tool.run_checked("export", "a.jsonl", *EXPORT)
    lines = damage((tmp_path / "a.jsonl").read_bytes().split(b"\n")[:-1])
    data = b"".join(line + b"\n" for line in lines)
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(data) if compressed else data)

    result = tool.run("import", "a.jsonl", *ELSEWHERE)

    assert result.exit_code == 1
    assert f"line {line} of a.jsonl" in result.stderr
    assert "nothing is imported from that line onward" in result.stderr
    restored = providers.create_provider("restored", s3vectors_endpoint_url="local:other")
    assert sorted(tool.read_contents(restored)) == [f"key-{n:05}" for n in range(min(line - 2, 10))]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_compressed_file_is_an_error_with_the_line(tmp_path, damage):
    """The line at which the decompression fails."""
    tool.create_filled_provider(2_500)
    tool.run_checked("export", "a.jsonl.gz", *EXPORT)
    data = bytearray((tmp_path / "a.jsonl.gz").read_bytes())
    if damage == "cut":
        del data[-len(data) // 3 :]
    else:
        data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.jsonl.gz").write_bytes(data)

    result = tool.run("import", "a.jsonl.gz", *ELSEWHERE)

    assert result.exit_code == 1
    assert "of a.jsonl.gz is " in result.stderr
    restored = providers.create_provider("restored", s3vectors_endpoint_url="local:other")
    keys = sorted(tool.read_contents(restored))
    assert 1_000 <= len(keys) < 2_500
    assert keys == [f"key-{n:05}" for n in range(len(keys))]


@pytest.mark.parametrize("text", ["", "key,vector\na,1\n", '{"format": "other"}\n', "[1]\n"])
def test_a_file_that_is_not_an_export_is_reported_as_such(tmp_path, text):
    """Not as a damaged export."""
    (tmp_path / "a.jsonl").write_text(text)

    result = tool.run("import", "a.jsonl", *ELSEWHERE)

    assert result.exit_code == 1
    assert "is not the first line of an export" in result.stderr


def test_another_dimension_is_refused_before_anything_is_written():
    """The error names reembed, which creates vectors of another dimension."""
    tool.create_filled_provider(3)
    tool.run_checked("export", "a.jsonl", *EXPORT)
    other = providers.create_provider(
        "other", s3vectors_endpoint_url="local:other", embedding_dimension=8
    )
    other.insert([[1.0] * 8], ["t"], ids=["existing"])

    result = tool.run("import", "a.jsonl", *ELSEWHERE, "--index", "other")

    assert result.exit_code == 2
    assert "the vectors have 4 dimensions, index my-bucket/other has 8" in result.stderr
    assert "reembed" in result.stderr
    assert list(tool.read_contents(other)) == ["existing"]


def test_an_index_where_texts_are_filterable_is_refused():
    """The first long text would be refused half-way."""
    tool.create_filled_provider(3)
    tool.run_checked("export", "a.jsonl", *EXPORT)
    other = providers.create_provider("other", s3vectors_endpoint_url="local:other")
    providers.create_older_index(other)

    result = tool.run("import", "a.jsonl", *ELSEWHERE, "--index", "other")

    assert result.exit_code == 2
    assert "index my-bucket/other lacks the non-filterable keys _overflow" in result.stderr


def test_an_import_can_be_repeated_and_resumed():
    """Vectors that exist are not written again."""
    tool.create_filled_provider(2_500)
    tool.run_checked("export", "a.jsonl", *EXPORT)
    restored = providers.create_provider("restored", s3vectors_endpoint_url="local:other")
    providers.fail_calls(restored.client, "PutVectors", *range(3, 40))

    stopped = tool.run("import", "a.jsonl", *ELSEWHERE)
    close_engines()
    completed = tool.read_json("import", "a.jsonl", *ELSEWHERE)
    repeated = tool.read_json("import", "a.jsonl", *ELSEWHERE)

    assert stopped.exit_code == 1
    assert "Run the same command again to resume" in stopped.stderr
    assert completed["unchanged"] >= 500
    assert completed["written"] + completed["unchanged"] == 2_500
    assert repeated == {
        "file": "a.jsonl",
        "index": "restored",
        "written": 0,
        "unchanged": 2_500,
    }
