"""`reembed` embeds the texts of an index with another model, each once."""

from __future__ import annotations

from functools import partial

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from stache_ai_s3vectors.tool.transfers import BATCHES_IN_FLIGHT
from support import providers, tool
from support.letter_embedder import Letters, count_letters, use_letter_embedder


@pytest.fixture
def letters(monkeypatch):
    """Stache's settings name the embedder."""
    monkeypatch.delenv("EMBEDDING_DIMENSION", raising=False)
    use_letter_embedder(monkeypatch)
    return partial(monkeypatch.setattr, Letters)


REEMBED = ("reembed", "documents", "documents-8", *tool.BUCKET, "--endpoint", "local:data")


def open_reembedded():
    return providers.create_provider(
        "documents-8", s3vectors_endpoint_url="local:data", embedding_dimension=8
    )


def test_reembed_embeds_the_same_texts(letters):
    """Keys, texts and metadata stay; the dimension is the embedder's."""
    before = tool.read_contents(tool.create_filled_provider(700))

    report = tool.read_json(*REEMBED)

    after = tool.read_contents(open_reembedded())
    assert (report["written"], report["leftOut"]) == (700, {})
    assert {key: vector["metadata"] for key, vector in before.items()} == {
        key: vector["metadata"] for key, vector in after.items()
    }
    for vector in after.values():
        assert vector["data"]["float32"] == count_letters(vector["metadata"]["text"])


def test_reembed_does_not_embed_a_text_twice(letters):
    """A failing embedder interrupted it, and an embedder costs money per text."""
    tool.create_filled_provider(1_500)
    letters("max_texts", 600)

    stopped = tool.run(*REEMBED)
    letters("max_texts", None)
    report = tool.read_json(*REEMBED)

    assert stopped.exit_code == 1
    assert "the embedder failed: ConnectionError: the model is unavailable" in stopped.stderr
    assert "Run the same command again to resume" in stopped.stderr
    assert report["unchanged"] >= 500
    assert len(Letters.embedded_texts) - 1 == report["written"] == 1_500 - report["unchanged"]


def test_reembed_names_the_texts_that_the_embedder_refuses(letters):
    """The others are stored; exit status 1."""
    provider = tool.create_filled_provider(100)
    letters("max_length", 2_000)
    long = {"ids": ["long", "empty"], "namespace": "books"}
    provider.insert([[1.0] * 4] * 2, ["x" * 3_000, ""], **long)

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert "long: its text is too long for the embedder" in result.stderr
    assert "empty: it has no text" in result.stderr
    assert "2 vectors were left out" in result.stderr
    assert len(tool.read_contents(open_reembedded())) == 100


def fail(error):
    raise error


BAD = "the text that is refused"


CODE = {"Code": "ValidationException", "Message": "the content is filtered"}


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: fail(RuntimeError("content policy")),
        lambda _: fail(KeyError("embedding")),
        lambda _: fail(ConnectionResetError("the model crashed")),
        lambda _: fail(TimeoutError("the model thinks about it")),
        lambda _: fail(ClientError({"Error": CODE}, "InvokeModel")),
        lambda texts: [[1.0] * 8] * (len(texts) - 1),
        lambda texts: [None if text == BAD else [1.0] * 8 for text in texts],
        lambda texts: [[0.0 if text == BAD else 1.0] * 8 for text in texts],
    ],
    ids=["policy", "bug", "crash", "timeout", "AWS", "too few", "None", "zeros"],
)
def test_one_refused_text_costs_few_calls_and_is_named(letters, respond):
    """Whatever the embedder raises or returns for it; the others are stored; exit status 1."""
    provider = tool.create_filled_provider(999)
    provider.insert([[1.0] * 4], [BAD], ids=["bad"])
    letters("respond", staticmethod(lambda texts: respond(texts) if BAD in texts else None))

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert result.stderr.startswith("  bad: the embedder")
    assert "1 vectors were left out" in result.stderr
    assert len(tool.read_contents(open_reembedded())) == 999
    assert len(Letters.batch_sizes) <= 1_000 / 64 + 1 + 2 * 6 + 2


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("Connection refused"),
        NoCredentialsError(),
        ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, "Invoke"),
        RuntimeError("500 Internal Server Error"),
        TimeoutError("timed out"),
    ],
    ids=["refused", "credentials", "expired", "unknown", "timeout"],
)
@pytest.mark.parametrize("embedded", [0, 600])
def test_an_embedder_that_is_down_is_not_called_for_each_text(letters, error, embedded):
    """It gets each batch under way and one more text, at the start and later."""
    tool.create_filled_provider(1_300)
    letters(
        "respond",
        staticmethod(lambda _: fail(error) if len(Letters.embedded_texts) >= embedded else None),
    )

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert f"the embedder failed: {type(error).__name__}: {error}" in result.stderr
    assert "left out" not in result.stderr
    assert len(Letters.batch_sizes) <= embedded / 64 + 1 + 2 * BATCHES_IN_FLIGHT


def test_an_embedder_that_fails_during_the_search_for_a_text_is_down(letters):
    """No text is left out because of that."""
    provider = tool.create_filled_provider(63)
    provider.insert([[1.0] * 4], [BAD], ids=["bad"])
    letters(
        "respond",
        staticmethod(
            lambda texts: (
                fail(ValueError("no")) if BAD in texts or len(Letters.batch_sizes) > 4 else None
            )
        ),
    )

    result = tool.run(*REEMBED)

    assert "the embedder failed: ValueError: no" in result.stderr
    assert "left out" not in result.stderr
    assert len(Letters.batch_sizes) <= 4 + 6 + 1


def test_an_error_of_the_embedder_cannot_control_the_terminal(letters):
    """It may quote a text of any length."""
    provider = tool.create_filled_provider(3)
    provider.insert([[1.0] * 4], [BAD], ids=["bad"])
    error = ValueError("\x1b[2Jcannot embed " + "x" * 100_000)
    letters("respond", staticmethod(lambda texts: fail(error) if BAD in texts else None))

    result = tool.run(*REEMBED)

    assert "\x1b" not in result.stderr
    assert len(result.stderr) < 1_000


def test_the_model_is_compared_even_if_the_first_text_is_refused(letters):
    """With the next text that the embedder takes."""
    tool.create_filled_provider(10)
    tool.run_checked(*REEMBED)
    first = next(iter(tool.read_contents(open_reembedded()).values()))["metadata"]["text"]
    letters(
        "respond",
        staticmethod(
            lambda texts: (
                fail(ValueError("no")) if first in texts else [[-1.0, *[0.5] * 7]] * len(texts)
            )
        ),
    )

    result = tool.run(*REEMBED)

    assert result.exit_code == 2
    assert "has vectors of another embedding model" in result.stderr


def test_reembed_refuses_an_index_of_another_dimension(letters):
    """Before it embeds a text."""
    tool.create_filled_provider(3)

    result = tool.run("reembed", "documents", "other", *tool.BUCKET, "--endpoint", "local:data")
    providers.create_provider("four", s3vectors_endpoint_url="local:data").insert(
        [[1.0] * 4], ["t"]
    )
    wrong = tool.run("reembed", "documents", "four", *tool.BUCKET, "--endpoint", "local:data")

    assert result.exit_code == 0  # created with the right dimension
    assert wrong.exit_code == 2
    assert "the embedder makes vectors of 8 dimensions" in wrong.stderr


def test_reembed_names_an_unknown_embedder(monkeypatch):
    """As it is in the settings."""
    tool.create_filled_provider(1)
    monkeypatch.setenv("EMBEDDING_PROVIDER", "nonesuch")

    result = tool.run(*REEMBED)

    assert result.exit_code == 2
    assert "Stache cannot create the embedder 'nonesuch'" in result.stderr


@pytest.mark.parametrize("vectors", [[[0.0] * 8], [[1.0] * 7], [[float("nan")] * 8], []])
def test_invalid_vectors_of_the_embedder_are_not_stored(letters, vectors):
    """Zeros, another dimension, NaN, or too few vectors."""
    provider = providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    provider.insert([[1.0] * 4], ["t"], ids=["a"])
    letters("vectors", vectors)

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert (
        "a: the embedder returned an invalid vector: the vector" in result.stderr
        or "0 vectors" in result.stderr
    )
    assert not tool.read_contents(open_reembedded())


def test_reembed_does_not_mix_models(letters):
    """It embeds one of the stored texts, and compares the vector."""
    tool.create_filled_provider(10)
    tool.run_checked(
        "reembed", "documents", "documents-8", *tool.BUCKET, "--endpoint", "local:data"
    )
    letters("vectors", [[-1.0, *[0.5] * 7]])

    result = tool.run(*REEMBED)

    assert result.exit_code == 2
    assert "has vectors of another embedding model" in result.stderr


def test_reembed_stores_what_was_embedded_before_the_embedder_failed(letters):
    """The user paid for it. The reported number is the number of stored vectors."""
    tool.create_filled_provider(1_300)
    letters("max_texts", 700)

    stopped = tool.run(*REEMBED)

    stored = len(tool.read_contents(open_reembedded()))
    assert f"Stopped: {stored} vectors written" in stopped.stderr
    assert stored >= 700 - 4 * 64


def test_throttling_is_not_reported_as_a_text_that_is_too_long(letters, monkeypatch):
    """Stache's own classifier takes "too many tokens" for that."""
    tool.create_filled_provider(3)
    monkeypatch.setattr(Letters, "get_name", lambda _: "bedrock")

    def throttle(*_):
        error = {"Code": "ThrottlingException", "Message": "Too many tokens, please wait"}
        raise ClientError({"Error": error}, "InvokeModel")

    monkeypatch.setattr(Letters, "embed_batch", throttle)

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert (
        "the embedder failed: ClientError: An error occurred (ThrottlingException)" in result.stderr
    )
    assert "too long" not in result.stderr
