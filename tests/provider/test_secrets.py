"""No error and no line of a log shows a password or starts a forged line."""

from __future__ import annotations

import logging
import pickle
import traceback
from contextlib import suppress

import pytest
from pydantic import model_validator

from stache_ai_s3vectors import (
    ConfigurationError,
    NamespaceError,
    PartialWriteError,
    S3VectorsError,
    Settings,
    UnavailableError,
    settings,
)
from stache_ai_s3vectors.service.printable import strip_passwords, to_printable
from support import providers
from support.tool import run

PASSWORD = "PASSW0RD"
VECTOR = [1.0, 2.0, 3.0, 4.0]
ENDPOINTS = [
    f"http://user:{PASSWORD}@127.0.0.1:1",
    f"http://user:{PASSWORD}/x@127.0.0.1:1",
    f"http://user:a@{PASSWORD}@127.0.0.1:1",
    f"http://{PASSWORD}@127.0.0.1:1",
    f"http://user:{PASSWORD}@127.0.0.1:port",
    f"http://user:{PASSWORD}@bad_host!:1",
    f"ftp://user:{PASSWORD}@127.0.0.1",
    f"http://user:a'{PASSWORD}@127.0.0.1:1",
    f'http://user:a"{PASSWORD}@127.0.0.1:1',
    f"http://user:a<{PASSWORD}@127.0.0.1:1",
    f"http://user:a {PASSWORD}@127.0.0.1:1",
]
NO_URLS = [f"user:{PASSWORD}@127.0.0.1:1", f"http:/user:{PASSWORD}@127.0.0.1:1"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("source", ["setting", "variable of boto3"])
def test_a_password_in_an_endpoint_is_in_no_error_of_the_provider(
    monkeypatch, caplog, endpoint, source
):
    """It is not in the cause that a traceback shows either."""
    caplog.set_level(logging.DEBUG, "stache_ai_s3vectors")
    endpoint_settings = {"s3vectors_endpoint_url": endpoint}
    if source != "setting":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3VECTORS", endpoint)
        endpoint_settings = {"s3vectors_endpoint_url": None}
    calls = [
        lambda p: p.search(VECTOR),
        lambda p: p.insert([VECTOR], ["t"]),
        lambda p: p.get_collection_info(),
    ]
    for call in calls:
        with pytest.raises(S3VectorsError) as failed:
            call(providers.create_provider(**endpoint_settings, s3vectors_retry_seconds=0))

        error = failed.value
        shown = "".join(traceback.format_exception(error)) + repr(error) + error.remedy
        assert PASSWORD not in shown.replace(str(ENDPOINTS), "")
        assert PASSWORD not in pickle.dumps(error).decode("latin-1")
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("endpoint", NO_URLS)
def test_a_password_in_a_malformed_url_is_not_shown(endpoint):
    """The scheme is missing or misspelled."""
    with pytest.raises(ConfigurationError, match="…@127.0.0.1:1") as failed:
        providers.create_provider(s3vectors_endpoint_url=endpoint)

    assert PASSWORD not in "".join(traceback.format_exception(failed.value))


@pytest.fixture
def _restore_logging():
    """--debug changes the log of the whole process."""
    ours, root = logging.getLogger("stache_ai_s3vectors"), logging.getLogger()
    level, handlers = ours.level, list(root.handlers)
    yield
    ours.setLevel(level)
    root.handlers[:] = handlers


COMMANDS = [
    ["stats"],
    ["doctor"],
    ["indexes", "list"],
    ["indexes", "create"],
    ["indexes", "delete", "documents-8", "--yes"],
    ["purge", "--namespace", "a"],
    ["export", "file.jsonl"],
    ["copy", "documents-8", "other"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["", "debug"])
@pytest.mark.usefixtures("_restore_logging")
def test_the_tool_does_not_print_a_password_in_an_endpoint(monkeypatch, command, endpoint, debug):
    """This holds for every command."""
    monkeypatch.setenv("S3VECTORS_RETRY_SECONDS", "0")
    options = ["--bucket", "my-bucket", "--endpoint", endpoint, *debug]

    result = run(*command, *options)

    assert result.exit_code != 0
    assert PASSWORD not in result.output
    assert PASSWORD not in result.stderr


HOSTILE = "name\n2026-11-28 ERROR forged\x1b[2K\r\x00\x85\u2028"


def test_a_namespace_cannot_start_a_line_of_the_log(caplog):
    """Other texts from callers cannot either."""
    caplog.set_level(logging.DEBUG)
    provider = providers.create_provider()
    provider.insert([VECTOR], ["t"], [{HOSTILE: "x" * 3000}], ["a"], namespace="ns")
    provider.insert([VECTOR], ["t"], [{"namespace": HOSTILE}], ["b"], namespace="ns")
    provider.insert([VECTOR], ["t"], [{"_type": HOSTILE}], [HOSTILE])
    for call in (
        lambda: provider.update_status(["a"], HOSTILE, "deleting"),
        lambda: provider.delete(["a"], namespace=HOSTILE),
    ):
        with pytest.raises(NamespaceError) as refused:
            call()
        assert str(refused.value).isprintable()
    provider.update_status(["a"], "ns", HOSTILE)
    provider.get_by_ids(["a"], namespace=HOSTILE)
    providers.fail_calls(provider.client, "DeleteVectors", 1)
    with suppress(S3VectorsError):
        provider.delete([HOSTILE])

    assert len(caplog.records) > 8
    for record in caplog.records:
        if record.name.startswith("stache_ai_s3vectors"):
            assert record.getMessage().isprintable()


CALLS = {
    "namespace": lambda p: p.search(VECTOR, namespace=HOSTILE + "\ud800"),
    "filter": lambda p: p.search(VECTOR, filter={HOSTILE: None}),
    "operator": lambda p: p.search(VECTOR, filter={"a": {HOSTILE: 1}}),
    "id": lambda p: p.insert([VECTOR] * 2, ["t"] * 2, ids=[HOSTILE] * 2),
    "metadata": lambda p: p.insert([VECTOR], ["t"], [{HOSTILE: {1}}]),
    "service": lambda p: p.get_by_ids(["a"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_text_in_an_error_starts_a_new_line(call):
    """The text comes from the caller or the server."""
    provider = providers.create_provider()
    provider.get_collection_info()
    text = b'{"message":"no\\n\\u001b[2K2026 ERROR forged"}'
    answer = providers.HttpResponse(400, {"x-amzn-errortype": "ValidationException"}, text)
    provider.client.meta.events.unregister("after-call.s3vectors", unique_id="check-responses")
    providers.set_responses(provider.client, "GetVectors", answer)

    with pytest.raises(S3VectorsError) as failed:
        CALLS[call](provider)

    assert str(failed.value).isprintable()


@pytest.mark.parametrize("kind", [ConfigurationError, UnavailableError, PartialWriteError])
def test_errors_are_printable_and_have_no_passwords(kind):
    """One function removes them for all errors."""
    details = {"done": [], "missing": []} if kind is PartialWriteError else {}

    error = kind(f"at https://user:{PASSWORD}@host/x and {HOSTILE}", **details)

    assert str(error).isprintable()
    assert PASSWORD not in str(error)
    assert "https://…@host/x" in str(error)


def test_harmless_text_is_not_changed():
    """A second call changes nothing either."""
    text = (
        'arn:aws:s3vectors:us-east-1:1:bucket/b at "http://127.0.0.1:1/GetIndex", me@example ü 漢'
    )

    assert to_printable(strip_passwords(text)) == text
    assert to_printable(to_printable("a\nb")) == to_printable("a\nb") == "a\\nb"


class StricterSettings(Settings):
    """Settings with a validator of the user's."""

    @model_validator(mode="after")
    def refuse(self):
        """Refuse all settings."""
        raise ValueError("these do not go together")


def test_the_error_about_wrong_settings_shows_no_secret(monkeypatch):
    """Pydantic's own error shows all values."""
    monkeypatch.setattr(settings, "Settings", StricterSettings)
    with pytest.raises(ConfigurationError, match="these do not go together") as failed:
        settings.load_settings(openai_api_key=PASSWORD)
    assert PASSWORD not in "".join(traceback.format_exception(failed.value))

    monkeypatch.setattr(settings, "Settings", Settings)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is wrong") as failed:
        settings.load_settings(openai_api_key=[PASSWORD])
    assert PASSWORD not in "".join(traceback.format_exception(failed.value))
    with pytest.raises(ConfigurationError, match="S3VECTORS_MAX_ATTEMPTS is 'x'"):
        settings.load_settings(s3vectors_max_attempts="x")
