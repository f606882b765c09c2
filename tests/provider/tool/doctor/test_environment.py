"""`doctor` checks versions, settings and credentials."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import closing
from importlib import metadata
from pathlib import Path

import pytest

from s3vectors_local import Engine
from support import tool
from support.doctor_setup import ARN, KINDS, WebPage, find_problems


@pytest.mark.parametrize("name", ["UPPER", "ab", "a_b", "a" * 64])
def test_an_index_name_that_aws_refuses_is_wrong(three_indexes, monkeypatch, name):
    """Only this index is not checked."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", name)

    [(check, text, _)] = find_problems()

    problem = f"{name!r} is not the name of an index: the service refuses it"
    assert (check, text) == ("settings", problem)


def test_the_checks_end_without_a_valid_index_name(three_indexes, monkeypatch):
    """None of the others makes sense."""
    for kind in KINDS:
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", "UPPER")

    result = tool.run("doctor")

    assert result.exit_code == 1
    assert "'UPPER' is not the name of an index" in result.stdout
    assert "ready" not in result.stdout.splitlines()


def test_an_embedder_that_stache_does_not_have_is_wrong(three_indexes, monkeypatch):
    """The first document would fail."""
    monkeypatch.setenv("EMBEDDING_PROVIDER", "nope")

    [(check, text, fix)] = find_problems()

    assert (check, text) == ("settings", "EMBEDDING_PROVIDER is 'nope', which Stache does not have")
    assert fix.startswith("install its package, or use one of ")


@pytest.mark.parametrize(
    "name, near",
    [
        ("S3VECTORS_BUCKETNAME", "S3VECTORS_BUCKET_NAME"),
        ("s3vectors_regoin", "S3VECTORS_REGION"),
        ("S3VECTOR_SEARCH_MODE", "S3VECTORS_SEARCH_MODE"),
        ("S3_VECTORS_WRITE_RATE", "S3VECTORS_WRITE_RATE"),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_misspelled_variable_is_a_warning_with_the_nearest_name(
    three_indexes, monkeypatch, name, near, where
):
    """It would be ignored silently."""
    if where == ".env":
        Path(".env").write_text(f"{name}=x\n")
    else:
        monkeypatch.setenv(name, "x")

    result = tool.run("doctor")

    assert f"Warning: settings: {name} is set, but there is no such setting" in result.stdout
    assert f"Fix: write {near}" in result.stdout


def test_a_directory_in_use_is_wrong():
    """By another engine of this machine."""
    with closing(Engine("data")):
        [(check, text, _)] = find_problems()

    assert check == "settings"
    assert "belongs to a running engine" in text


def test_unset_index_variables_are_reported(monkeypatch, three_indexes):
    """Stache would use one index "stache" for all three."""
    for kind in KINDS:
        monkeypatch.delenv(f"S3VECTORS_{kind.upper()}_INDEX")

    problems = find_problems()

    assert [check for check, _, _ in problems] == ["stache"]
    assert "S3VECTORS_DOCUMENTS_INDEX, S3VECTORS_SUMMARIES_INDEX" in tool.run("doctor").stdout


def test_the_account_in_the_arn_of_the_bucket_is_compared(three_indexes, monkeypatch):
    """The bucket of that name may belong to another account."""
    arn = ARN.replace("123456789012", "999999999999")
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", arn)

    [(check, text, _)] = find_problems()

    assert check == "account"
    assert arn in text


@pytest.mark.parametrize("profile", ["credential_process = /nowhere/program", "role_arn = x"])
def test_unusable_sources_of_credentials_are_reported(tmp_path, monkeypatch, profile):
    """A program that does not exist, a role without a source."""
    (tmp_path / "config").write_text(f"[profile mine]\n{profile}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    [(check, _, fix)] = find_problems("--endpoint", "http://127.0.0.1:1")

    assert check == "credentials"
    assert fix


def build_refusal(code):
    return 403, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"


ANN = "<Arn>arn:aws:iam::1:user/ann</Arn><UserId>U</UserId><Account>111122223333</Account>"


ANSWER = "GetCallerIdentityResponse"


STS = {
    "ok": (200, f"<{ANSWER}><GetCallerIdentityResult>{ANN}</GetCallerIdentityResult></{ANSWER}>"),
    "wrong": build_refusal("ExpiredToken"),
    "skipped": build_refusal("AccessDenied"),
}


@pytest.mark.parametrize("state", STS)
def test_sts_identifies_the_owner_of_the_credentials(monkeypatch, state):
    """An error of STS does not end the checks, unless the credentials are invalid."""

    class Sts(WebPage):
        def do_POST(self):  # noqa: N802 - http.server calls it
            status, text = STS[state]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sts) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{web.server_port}")
        result = tool.run("doctor", "--endpoint", "http://127.0.0.1:1", "--json")
        web.shutdown()

    [credentials] = [c for c in json.loads(result.stdout)["checks"] if c["check"] == "credentials"]
    assert credentials["state"] == state
    assert state != "ok" or "account 111122223333" in credentials["text"]


@pytest.mark.usefixtures("three_indexes")
def test_two_copies_of_the_package_are_wrong(tmp_path, monkeypatch):
    """`pip install --target` without --upgrade leaves the older one's metadata in a layer."""
    left = tmp_path / "stache_ai_s3vectors-0.2.0.dist-info"
    left.mkdir()
    metadata = "Metadata-Version: 2.1\nName: stache-ai-s3vectors\nVersion: 0.2.0\n"
    (left / "METADATA").write_text(metadata)
    monkeypatch.syspath_prepend(tmp_path)

    [[check, text, fix]] = [
        finding for finding in find_problems() if "is installed 2 times" in finding[1]
    ]

    assert check == "versions"
    assert f"0.2.0 in {tmp_path}" in text
    assert "1.0.0.dev0 in" in text
    assert "into an empty folder" in fix


@pytest.mark.parametrize(
    "group, text, status",
    [
        ("stache.vectordb", "Stache cannot find the provider: its entry point", 1),
        ("stache.query_processor", "hybrid search gets no text: the entry point", 0),
    ],
)
@pytest.mark.usefixtures("three_indexes")
def test_a_missing_entry_point_is_reported(monkeypatch, group, text, status):
    """A layer that was stripped of its metadata has none."""
    every = metadata.entry_points

    def entry_points(**selected):
        selection = every(**selected)
        return selection.select(name="none") if selected["group"] == group else selection

    monkeypatch.setattr(metadata, "entry_points", entry_points)

    result = tool.run("doctor")

    assert result.exit_code == status
    assert text in result.stdout
    assert "keep stache_ai_s3vectors-*.dist-info next to the package" in result.stdout
