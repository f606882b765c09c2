"""The command `stache-s3vectors`."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from click import Option

from s3vectors_local import Engine
from stache_ai_s3vectors.settings import resolve_settings
from stache_ai_s3vectors.tool.main import main
from stache_ai_s3vectors.tool.options import load_settings_from_options
from support import ROOT, endpoints, providers, tool

BUCKET_ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
LOCAL = ["--bucket", "my-bucket", "--endpoint", "local:data", "--dimension", "8"]


def run_process(*arguments, **environment):
    """Run the command in a process of its own, which imports Stache anew."""
    return subprocess.run(
        [sys.executable, "-m", "stache_ai_s3vectors", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["create", "list"])
def test_without_a_bucket_the_command_says_how_to_set_one(command):
    """With the provider's own error, exit status 2."""
    result = tool.run("indexes", command)

    assert result.exit_code == 2
    assert "S3VECTORS_BUCKET_NAME" in result.output


def test_the_error_for_a_missing_bucket_has_the_command_that_creates_it():
    """And region and endpoint; the command works."""
    Engine("data").close()

    result = tool.run("indexes", "list", *LOCAL)

    assert result.exit_code == 1
    assert "my-bucket in region us-east-1 at local:" in result.output
    _, _, advice = result.output.partition("so does stache-s3vectors ")
    assert tool.run(*advice.split()).exit_code == 0
    assert tool.run("indexes", "list", *LOCAL).exit_code == 0


def test_create_refuses_an_existing_index_that_does_not_fit(monkeypatch):
    """Neither its dimension nor its non-filterable keys can be changed."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "mine")
    tool.run("indexes", "create", *LOCAL)

    result = tool.run("indexes", "create", *LOCAL[:-1], "16")

    assert result.exit_code == 2
    assert "my-bucket/mine exists already, and has 8 dimensions instead of 16" in result.output


@pytest.mark.parametrize(
    "name, value, problem",
    [
        ("AWS_PROFILE", "nope", "The config profile (nope) could not be found"),
        ("S3VECTORS_REGION", "no region", "'no region' doesn't match a supported format"),
        ("S3VECTORS_READ_TIMEOUT", "abc", "S3VECTORS_READ_TIMEOUT is 'abc'"),
    ],
)
def test_wrong_settings_are_reported_without_a_traceback(monkeypatch, name, value, problem):
    """Exit status 2."""
    monkeypatch.setenv(name, value)

    result = tool.run(
        "indexes", "list", "--bucket", "my-bucket", "--endpoint", "http://127.0.0.1:1"
    )

    assert result.exit_code == 2
    assert problem in result.output


def test_a_directory_in_use_is_status_2():
    """As for the engine's own command."""
    owner = Engine("data")

    result = tool.run("indexes", "create", *LOCAL)
    owner.close()

    assert result.exit_code == 2
    assert "belongs to a running engine" in result.output


def test_wrong_usage_is_status_2():
    """As in other commands that use click."""
    assert tool.run("indexes", "create", "--colour").exit_code == 2


OURS = {words: command for words, command in tool.list_commands() if words != "serve"}


@pytest.mark.parametrize("words", OURS)
def test_help_shows_an_example(words):
    """It can be copied, is of that command, and has options that exist."""
    shown = tool.run(*words.split(), "--help").output

    _, _, rest = shown.partition(f"stache-s3vectors {words} ")
    line = re.sub(r"\\\n\s*", "", rest).partition("\n")[0]
    assert "Example" in shown
    assert line.strip() not in ("", "[OPTIONS]")
    assert set(re.findall(r"--[a-z-]+", line)) <= set(re.findall(r"--[a-z-]+", shown))


@pytest.mark.parametrize("command", OURS.values(), ids=OURS)
def test_every_command_has_json_and_debug_and_explains_its_options(command):
    """And explains every option."""
    options = {option for parameter in command.params for option in parameter.opts}

    assert {"--json", "--debug"} <= options or command.name == "policy"
    assert all(parameter.help for parameter in command.params if isinstance(parameter, Option))


@pytest.mark.parametrize(
    "arguments, suggestion",
    [
        (["exprot"], "export"),
        (["indexes", "craete"], "create"),
        (["stats", "--buckt", "my-bucket"], "--bucket"),
        (["doctor", "--level", "read-wirte"], "read-write"),
        (["stats", *LOCAL, "--index", "documets-8"], "documents-8"),
        (["copy", "documents8", "other", *LOCAL], "documents-8"),
    ],
)
def test_an_error_suggests_the_nearest_valid_word(arguments, suggestion):
    """For commands, options, their values, and indexes."""
    tool.run("indexes", "create", *LOCAL)

    result = tool.run(*arguments)

    assert result.exit_code != 0
    assert f"Did you mean '{suggestion}'?" in result.output


def build_denial(code, status=403):
    """Build a response of the service that denies a request."""
    text = (
        b'{"message":"User: arn:aws:iam::123456789012:user/ann is not authorized to perform: '
        b"s3vectors:GetIndex on resource: arn:aws:s3vectors:us-east-1:123456789012:bucket/"
        b'my-bucket/index/documents-8 because of this"}'
    )
    return providers.HttpResponse(status, {"x-amzn-errortype": code}, text)


ONE_LINE_EACH = {
    "missing bucket": (None, {}, "could not be found", "To create the bucket: "),
    "wrong region": (None, {"S3VECTORS_REGION": "eu-west-1"}, "in region eu-west-1", "To create"),
    "expired credentials": ("ExpiredTokenException", {}, "ExpiredToken", "renew the credentials"),
    "unknown key": ("UnrecognizedClientException", {}, "Unrecognized", "check the access key id"),
    "denied action": (
        "AccessDeniedException",
        {},
        "not authorized to perform: s3vectors:GetIndex",
        "allow s3vectors:GetIndex on arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket",
    ),
    "quota": ("ServiceQuotaExceededException", {}, "Quota", "ask AWS for a higher quota"),
}


@pytest.mark.parametrize("name", ONE_LINE_EACH)
def test_an_error_has_a_line_for_the_cause_and_one_for_the_fix(monkeypatch, name):
    """And no traceback."""
    code, environment, cause, remedy = ONE_LINE_EACH[name]
    with endpoints.serve() if code is None else nullcontext("http://127.0.0.1:1") as url:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        arguments = ["--bucket", "my-bucket", "--endpoint", url, "--dimension", "8"]
        if code is not None:
            settings = providers.Settings(
                s3vectors_bucket_name="my-bucket", s3vectors_endpoint_url=url
            )
            client = providers.connections.get_client(resolve_settings(settings))
            providers.set_responses(client, "GetIndex", *[build_denial(code)] * 9)
        result = tool.run("stats", "--index", "documents-8", *arguments)

    first, second = result.stderr.splitlines()
    assert result.exit_code == 1
    assert first.startswith("Error: GetIndex on index my-bucket/documents-8")
    assert cause in first
    assert second.startswith("Fix: ")
    assert remedy in second


def test_missing_credentials_are_reported_without_a_request(monkeypatch):
    """With the variables to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    result = tool.run("stats", "--bucket", "my-bucket", "--endpoint", "http://127.0.0.1:1")

    first, second = result.stderr.splitlines()
    assert first.endswith("Unable to locate credentials")
    assert second.startswith("Fix: Set AWS_PROFILE or AWS_ACCESS_KEY_ID")


def test_a_refused_connection_is_reported_with_the_server_to_start(monkeypatch):
    """After the last attempt."""
    providers.skip_waiting(monkeypatch)

    result = tool.run("stats", "--bucket", "my-bucket", "--endpoint", "http://127.0.0.1:1")

    first, second = result.stderr.splitlines()
    assert "Could not connect to the endpoint URL" in first
    assert second.startswith("Fix: start the server (stache-s3vectors serve)")


def test_debug_shows_the_traceback():
    """In a process of its own, because it also switches the log on."""
    Engine("data").close()
    stats = ["stats", "--index", "missing", *LOCAL, "--debug"]
    command = [sys.executable, "-m", "stache_ai_s3vectors", *stats]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "stache_ai_s3vectors.errors.NotFoundError: GetIndex on" in result.stderr


def test_the_endpoint_aws_overrides_the_settings(monkeypatch):
    """Otherwise nothing could be copied from a local engine in the settings to AWS."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:data")

    settings = load_settings_from_options({"bucket": "my-bucket", "endpoint": "aws"})

    assert resolve_settings(settings).endpoint is None


def test_serve_is_the_local_engine():
    """With its own options, and its own help."""
    shown = tool.run("serve", "--help").output

    assert shown.startswith("Usage: stache-s3vectors serve [OPTIONS]")
    assert "s3vectors-local serve --port 9100 --data ./data" in shown
    assert "--latency" in shown
    assert tool.run("serve", "--host", "").exit_code == 2


HEAVY = {"boto3", "stache_ai", "rich", "orjson", "pydantic", "s3vectors_local"}
POLICY = ("policy", "--bucket", BUCKET_ARN, "--index", "a-8")


@pytest.mark.parametrize(
    "arguments, absent",
    [
        (("--help",), HEAVY),
        (("policy", "--help"), HEAVY),
        (POLICY, HEAVY),
        *((("policy", "check", *rest), HEAVY) for rest in [("--help",)]),
        (("copy", "--help"), {"stache_ai", "pydantic"}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_help_and_policy_load_no_more_than_they_need(arguments, absent):
    """So they start at once."""
    code = (
        "import sys; from click.testing import CliRunner;"
        "from stache_ai_s3vectors.tool.main import main;"
        f"assert CliRunner().invoke(main, {arguments!r}).exit_code == 0;"
        f"print({absent!r} & {{*sys.modules}})"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert result.stdout == "set()\n"


@pytest.mark.parametrize("words", ["", "indexes", *OURS])
def test_help_does_not_depend_on_settings(words):
    """Stache reads its settings when it is imported."""
    result = run_process(*words.split(), "--help", EMBEDDING_DIMENSION="abc")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: stache-s3vectors")


@pytest.mark.parametrize("group, words", [((), [*main.commands]), (("policy",), ["check"])])
def test_a_group_lists_every_command_with_its_help_on_one_line(group, words):
    """Also commands that are not imported yet."""
    lines = tool.run(*group, "--help").output.splitlines()

    for word in words:
        [line] = [line for line in lines if line.startswith(f"  {word} ")]
        assert len(line.split()) > 3
        assert not line.endswith("...")


@pytest.mark.parametrize(
    "words, offered",
    [
        ("stache-s3vectors ex", {"export"}),
        ("stache-s3vectors indexes ", {"create", "delete", "list", "upgrade"}),
        ("stache-s3vectors policy ", {"check"}),
        ("stache-s3vectors stats --ind", {"--index"}),
        ("stache-s3vectors policy check --level read", {"read", "read-write"}),
    ],
)
@pytest.mark.parametrize("dimension", ["8", "abc"])
def test_a_shell_completes_commands_options_and_values(words, offered, dimension):
    """With the variables that bash sets; settings do not matter."""
    result = run_process(
        _STACHE_S3VECTORS_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
        EMBEDDING_DIMENSION=dimension,
    )

    assert {line.partition(",")[2] for line in result.stdout.splitlines()} == offered
    assert result.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_commands_of_the_page_switch_on_completion(shell):
    """With the script that the command prints for a shell."""
    page = (ROOT / "docs" / "operate.md").read_text()

    printed = run_process(_STACHE_S3VECTORS_COMPLETE=f"{shell}_source").stdout

    assert f"_STACHE_S3VECTORS_COMPLETE={shell}_source stache-s3vectors" in page
    assert f"_STACHE_S3VECTORS_COMPLETE={shell}_complete" in printed


@pytest.mark.parametrize("value", ["abc", "0", "4097"])
def test_a_dimension_out_of_range_is_refused(value):
    """As an option, and as a variable, which Stache reads when it is imported."""
    command = [sys.executable, "-m", "stache_ai_s3vectors", "stats", "--bucket", "my-bucket"]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "EMBEDDING_DIMENSION": value},
    )

    assert tool.run("stats", "--bucket", "my-bucket", "--dimension", value).exit_code == 2
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("value", ["", "abc"])
@pytest.mark.parametrize("command", ["doctor", "policy", "stats", "copy a b", "migrate a b"])
def test_a_dimension_that_is_not_a_number_is_an_error_of_one_line(command, value):
    """Stache reads its settings when it is imported, before our checks."""
    result = subprocess.run(
        [sys.executable, "-m", "stache_ai_s3vectors", *command.split()],
        env={**os.environ, "EMBEDDING_DIMENSION": value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert f"Error: EMBEDDING_DIMENSION is {value!r}: Input should be a valid i" in result.stderr
    assert "ValidationError" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["doctor", "policy", "stats"])
def test_settings_that_are_not_utf_8_are_an_error_of_one_line(command):
    """A `.env` that an editor wrote as Latin-1."""
    Path(".env").write_bytes(b"S3VECTORS_BUCKET_NAME=caf\xe9\n")

    result = subprocess.run(
        [sys.executable, "-m", "stache_ai_s3vectors", command],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert result.stderr.startswith("Error: Stache cannot read its settings: 'utf-8' codec can't")
    assert len(result.stderr.splitlines()) == 1


def test_a_bug_is_reported_without_a_traceback(monkeypatch):
    """With the option that shows it."""
    monkeypatch.setattr("stache_ai_s3vectors.tool.commands.indexes.list_indexes", lambda _: {}["a"])

    result = tool.run("indexes", "list", *LOCAL)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: KeyError: ")
    assert "Fix: run it with --debug to see where" in result.stderr


@pytest.mark.parametrize("index", ["*", "", "x/../*"])
def test_a_policy_refuses_patterns_for_indexes(index):
    """A pattern would allow more than intended."""
    result = tool.run("policy", "--bucket", BUCKET_ARN, "--index", index)

    assert result.exit_code == 2


def test_a_policy_has_the_partition_of_its_region():
    """China's is not "aws"."""
    result = tool.run(
        *("policy", "--bucket", "my-bucket", "--account", "123456789012"),
        *("--region", "cn-north-1", "--index", "documents"),
    )

    assert "arn:aws-cn:s3vectors:cn-north-1:123456789012:bucket/my-bucket" in result.output


def test_a_namespace_cannot_control_the_terminal():
    """It has a newline and an escape sequence."""
    provider = providers.create_provider(
        "documents-8", s3vectors_endpoint_url="local:data", embedding_dimension=8
    )
    provider.insert([[1.0] * 8], ["t"], namespace="a\nstatuses: \x1b[31mred")

    shown = tool.run("stats", *LOCAL, "--index", "documents-8").output

    assert "namespaces: a\\nstatuses: \\x1b[31mred 1" in shown


@pytest.mark.parametrize(
    "command, printed",
    [
        (["stats", "--index", "documents-8"], "documents-8: 0 vectors, 0 bytes"),
        (["stats"], "insights-8: 0 vectors, 0 bytes"),
        (["export", "file.jsonl"], "file.jsonl: 0 vectors of my-bucket/documents-8"),
        (["purge", "--namespace", "a"], "documents-8: 0 vectors would be deleted"),
        (["purge", "--namespace", "a", "--yes"], "documents-8: 0 vectors deleted"),
    ],
)
def test_an_index_of_a_local_endpoint_that_was_never_used_is_empty(command, printed):
    """Its first use would create it; reading does not."""
    Engine("data").close()

    for _ in range(2):
        options = ["--bucket", "my-bucket", "--endpoint", "local:data", "--dimension", "8"]
        assert printed in tool.run_checked(*command, *options)
        for file in Path.cwd().glob("file.jsonl"):
            file.unlink()

    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    assert client.list_vector_buckets()["vectorBuckets"] == []


@pytest.mark.parametrize(
    "arguments, environment, cause",
    [
        (["--index", "documets"], {}, "my-bucket/documets"),
        (["--dimension", "16"], {}, "my-bucket/documents-16"),
        ([], {"S3VECTORS_CREATE_INDEX": "false"}, "my-bucket/documents-8"),
    ],
)
def test_a_wrong_name_is_not_an_empty_index(monkeypatch, arguments, environment, cause):
    """A typing error, another dimension, or an index that would not be created."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Engine("data").close()
    if not environment:
        tool.run_checked("indexes", "create", *LOCAL)

    result = tool.run("stats", *LOCAL, *arguments)

    assert result.exit_code == 1
    assert cause in result.stderr


@pytest.mark.parametrize("set_already", [True, False])
def test_the_error_proposes_create_index_only_if_it_is_not_set(monkeypatch, set_already):
    """S3VECTORS_CREATE_INDEX=true does not help if it is set already."""
    if set_already:
        monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    with endpoints.serve() as url:
        result = tool.run("stats", "--bucket", "my-bucket", "--endpoint", url, "--dimension", "8")

    assert ("S3VECTORS_CREATE_INDEX=true" in result.stderr) is not set_already
    assert "To create the bucket: aws s3vectors create-vector-bucket" in result.stderr


@pytest.mark.parametrize("words", ["", "indexes", "serve", *OURS])
def test_help_has_a_short_option(words):
    """For the command and each of its subcommands."""
    assert tool.run_checked(*words.split(), "-h") == tool.run_checked(*words.split(), "--help")


@pytest.mark.parametrize("arguments", ["doctor", "indexes list", "stats", "list"])
def test_a_reader_that_stops_early_is_not_an_error(tmp_path, arguments):
    """Like `head -1` and `grep -q`: nothing is printed about it."""
    place = "--bucket my-bucket --endpoint local:data --dimension 4"
    tool_ = f"{shlex.quote(sys.executable)} -m stache_ai_s3vectors"
    script = (
        f"{tool_} indexes create {place} >/dev/null; "
        f"PYTHONUNBUFFERED=1 {tool_} {arguments} {place} | (exec <&-; true)"
    )

    result = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert result.stdout == ""
    assert "fault" not in result.stderr
    assert "BrokenPipe" not in result.stderr
