"""The errors of the command `s3vectors-local` at its start."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from s3vectors_local import Engine
from support.endpoints import create_client, serve, start_server

COMMAND = Path(sys.executable).with_name("s3vectors-local")


def run_command(*arguments):
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_port_in_use_is_an_error_of_one_line():
    """The line has the address, the reason and what to do. The exit status is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_command("serve", "--port", str(port))

    assert result.returncode == 2
    assert result.stderr == (
        f"s3vectors-local: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another --port\n"
    )


def test_an_address_of_another_machine_is_an_error_of_one_line():
    """192.0.2.1 is reserved for documentation, so no machine has it."""
    result = run_command("serve", "--host", "192.0.2.1", "--port", "0")

    assert result.returncode == 2
    assert "cannot listen on 192.0.2.1:0: Cannot assign requested address" in result.stderr


def test_an_unknown_host_is_an_error_of_one_line():
    """The line has the resolver's text."""
    result = run_command("serve", "--host", "no-such-host.invalid", "--port", "0")

    assert result.returncode == 2
    assert result.stderr.startswith("s3vectors-local: cannot listen on no-such-host.invalid:0: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_directory_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    """The line has the operating system's reason."""
    (tmp_path / "file").touch()

    result = run_command("serve", "--port", "0", "--data", tmp_path / "file" / "data")

    assert result.returncode == 2
    assert result.stderr == (
        f"s3vectors-local: cannot keep data in {tmp_path}/file/data: Not a directory\n"
    )


def test_a_damaged_file_is_an_error_of_one_line(tmp_path):
    """The file is not changed."""
    (tmp_path / "s3vectors.db").write_text("mine" * 100)

    result = run_command("serve", "--port", "0", "--data", tmp_path)

    assert result.returncode == 2
    assert result.stderr == (
        f"s3vectors-local: cannot keep data in {tmp_path}: file is not a database\n"
    )


@pytest.mark.parametrize("owner", ["this process", "another server"])
def test_a_directory_of_a_running_engine_is_an_error_of_one_line(tmp_path, owner):
    """This process or another one may run the engine."""
    if owner == "this process":
        engine, process = Engine(tmp_path), os.getpid()
        result = run_command("serve", "--port", "0", "--data", tmp_path)
        engine.close()
    else:
        with start_server("--data", str(tmp_path)) as (other, _):
            process = other.pid
            result = run_command("serve", "--port", "0", "--data", tmp_path)

    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    owner = re.search(r"belongs to a running engine \(process (\d+)\); one process", line)
    assert line.startswith(f"s3vectors-local: {tmp_path} belongs to")
    assert int(owner[1]) == process
    assert f"run `s3vectors-local serve --data {tmp_path}`" in line
    assert line.endswith("Or stop that engine, or name another directory")


@pytest.mark.parametrize("arguments", [["serve", "--port", "70000"], ["serve", "--colour"], ["go"]])
def test_wrong_usage_is_an_error_with_a_hint_at_help(arguments):
    """The exit status is 2, as usual with click."""
    result = run_command(*arguments)

    assert result.returncode == 2
    assert "--help" in result.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["--unused"],
            "--unused lists what a --policy grants and no request used; add a --policy",
        ),
        (["--data", ""], '--data is empty; name a directory, for example "./data"'),
        (["--host", ""], '--host is empty; "0.0.0.0" listens on every address of this machine'),
        (["--access-key", "abc"], "key 1 does not have the form --access-key ID:SECRET"),
        (["--access-key", "a b:c"], "key 1 does not have the form --access-key ID:SECRET"),
        (
            ["--access-key", "a:b", "--access-key", "a:c"],
            "--access-key ID:SECRET is repeated for a",
        ),
        (["--fault", "503"], '"503" does not have the form --fault KIND:RATE'),
        (["--fault", "503:much"], '"503:much" does not have the form --fault KIND:RATE'),
        (["--fault", "503:.1", "--fault", "503:.2"], "--fault KIND:RATE is repeated for 503"),
        (["--fault", "503:2"], "the rate of 503 is 2.0; it must be from 0 to 1"),
        (["--latency", "1e9"], "the latency is 1000000000.0; it must be from 0 to 3600 seconds"),
    ],
)
def test_an_invalid_option_is_an_error_of_one_line(tmp_path, arguments, message):
    """Nothing is written before."""
    result = subprocess.run(
        [COMMAND, "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )

    assert (result.returncode, result.stderr) == (2, f"s3vectors-local: {message}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"Version": "2012-10-17"}'])
def test_a_policy_that_cannot_be_read_is_an_error_with_its_file(tmp_path, content):
    """It is one line, and the exit status is 2."""
    (tmp_path / "role.json").write_bytes(content)

    result = run_command("serve", "--port", "0", "--policy", tmp_path / "role.json")

    assert result.returncode == 2
    assert result.stderr.startswith(f"s3vectors-local: --policy {tmp_path}/role.json: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments, warned", [((), True), (("--access-key", "a:b"), False)])
def test_a_public_address_prints_a_warning(arguments, warned):
    """It prints none if signatures are verified."""
    with start_server("--host", "0.0.0.0", *arguments) as (process, url):  # noqa: S104 - the tested address
        local_url = url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the tested address
        with urllib.request.urlopen(f"{local_url}/health"):
            process.terminate()
        _, errors = process.communicate()

    assert ("warning: anyone who reaches 0.0.0.0 can read and change the data" in errors) is warned


CHOICES = [
    (),
    ("--missing-key", "no-match"),
    ("--array-negation", "any-element"),
    ("--euclidean", "squared"),
]


@pytest.mark.parametrize("options", CHOICES, ids=" ".join)
def test_every_choice_of_the_command_has_its_effect(options):
    """The test checks a missing key, an array and the distance."""
    names = {"vectorBucketName": "my-bucket", "indexName": "idx"}
    with (
        serve(*options) as url,
        closing(create_client(endpoint_url=url)) as client,
    ):
        client.create_vector_bucket(vectorBucketName="my-bucket")
        client.create_index(**names, dataType="float32", dimension=2, distanceMetric="euclidean")
        tagged = {"key": "tagged", "data": {"float32": [3, 4]}, "metadata": {"t": ["a", "b"]}}
        bare = {"key": "bare", "data": {"float32": [6, 8]}}
        client.put_vectors(**names, vectors=[tagged, bare])

        def search(condition):
            query = {"topK": 2, "queryVector": {"float32": [0, 0]}, "returnDistance": True}
            return client.query_vectors(**names, **query, filter=condition)["vectors"]

        unequal = [vector["key"] for vector in search({"t": {"$ne": "a"}})]
        other = [vector["key"] for vector in search({"t": {"$ne": "c"}})]
        [nearest] = search({"t": "a"})

    any_element = "any-element" in options
    expected = [] if "no-match" in options else ["bare"]
    assert unequal == (["tagged"] if any_element else []) + expected
    assert other == ["tagged", *expected]
    assert nearest["distance"] == (25 if "squared" in options else 5)


def test_the_bucket_mode_of_the_command_has_its_effect():
    """New buckets are CLASSIC."""
    with (
        serve("--bucket-mode", "classic") as url,
        closing(create_client(endpoint_url=url)) as client,
    ):
        client.create_vector_bucket(vectorBucketName="my-bucket")
        bucket = client.get_vector_bucket(vectorBucketName="my-bucket")["vectorBucket"]

    assert bucket["defaultIndexMode"] == "CLASSIC"


def test_help_has_an_example():
    """It also has each option with its default."""
    result = run_command("serve", "--help")

    assert result.returncode == 0
    assert "s3vectors-local serve --port 9100 --data ./data" in result.stdout
    assert "127.0.0.1" in result.stdout
    assert "9100" in result.stdout
