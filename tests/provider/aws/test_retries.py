"""Retries: which errors, for how long, and with which waits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from s3vectors_local import Engine, Faults, connect
from stache_ai_s3vectors import S3VectorsError, UnavailableError
from stache_ai_s3vectors.aws import retries
from support import providers

QUESTION = [1.0, 0.0, 0.5, 0.25]


@pytest.fixture
def provider():
    return providers.create_provider()


@pytest.mark.parametrize("kind", ["408", "429", "500", "503", "timeout", "dropped"])
def test_temporary_errors_are_retried(provider, kind, monkeypatch):
    """Waits grow until the time in the settings is used; the last attempt is at its end."""
    provider.get_collection_info()
    waits = providers.skip_waiting(monkeypatch)
    connect(provider.client, providers.get_engine("local:"), faults=Faults({kind: 1}))

    with pytest.raises(UnavailableError):
        provider.get_by_ids(["a"])

    assert sum(waits) == pytest.approx(30)
    throttled = kind == "429"
    assert waits[0] <= (1 if throttled else 0.1)
    assert max(waits) <= (20 if throttled else 5)
    assert (3 if throttled else 8) <= len(waits) <= 20


def test_the_time_that_attempts_take_counts(provider, monkeypatch):
    """With 12 s for each attempt, the third one ends after the 30 s of the settings."""
    provider.get_collection_info()
    providers.skip_waiting(monkeypatch)
    attempts = []
    monkeypatch.setattr(retries, "time", SimpleNamespace(monotonic=lambda: 12 * len(attempts)))
    events = provider.client.meta.events
    events.register_first("before-send.s3vectors", lambda **_: attempts.append("attempt"))
    connect(provider.client, providers.get_engine("local:"), faults=Faults({"503": 1}))

    with pytest.raises(UnavailableError):
        provider.get_by_ids(["a"])

    assert len(attempts) == 3


@pytest.mark.parametrize(
    "code, status",
    [
        ("ValidationException", 400),
        ("ServiceQuotaExceededException", 402),
        ("AccessDeniedException", 403),
        ("NotFoundException", 404),
    ],
)
def test_permanent_errors_are_not_retried(provider, code, status, monkeypatch):
    """There is one attempt."""
    provider.get_collection_info()
    waits = providers.skip_waiting(monkeypatch)
    refusal = providers.HttpResponse(status, {"x-amzn-errortype": code}, b'{"message":"no"}')
    providers.set_responses(provider.client, "PutVectors", refusal)

    with pytest.raises(S3VectorsError, match=f"no \\({code}\\)"):
        provider.insert([QUESTION], ["t"])

    assert waits == []


def test_the_settings_limit_the_attempts(monkeypatch):
    """S3VECTORS_MAX_ATTEMPTS=1 means one attempt."""
    waits = providers.skip_waiting(monkeypatch)
    provider = providers.create_provider(s3vectors_max_attempts=1)
    connect(provider.client, Engine(), faults=Faults({"503": 1}))

    with pytest.raises(UnavailableError):
        provider.get_collection_info()

    assert waits == []
