"""`copy` and `reembed` transfer an index completely, and write only what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from functools import partial

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

import endpoints
import stache
import tool
from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.chunks.vectors import UnreadVector
from stache_ai_s3vectors.tool.transfers import BATCHES_IN_FLIGHT, is_same
from words import Words, count_letters, use_words_embedder

COPY = ("copy", "documents", "copied", *tool.LOCAL, "--to-endpoint", "local:other")


def open_copy(index="copied", endpoint="local:other", **settings):
    return stache.create_provider(index, s3vectors_endpoint_url=endpoint, **settings)


def test_a_copy_is_complete():
    """Vectors, texts and metadata are as they are stored."""
    provider = tool.create_filled_provider(1_300)

    assert tool.read_json(*COPY) == {
        "index": "copied",
        "written": 1_300,
        "unchanged": 0,
        "different": 0,
        "onlyThere": 0,
        "verified": 1_300,
        "leftOut": {},
    }
    assert tool.read_contents(open_copy()) == tool.read_contents(provider)


def test_a_copy_can_be_repeated():
    """It writes only what differs. Other vectors of the destination stay."""
    tool.create_filled_provider(1_300)
    tool.run_checked(*COPY)
    other = open_copy()
    other.delete(["key-00007"])
    other.update_status(["key-00008"], "books", "deleting")
    other.insert([[9.0, 9.0, 9.0, 9.0]], ["mine"], ids=["mine"])

    report = tool.read_json(*COPY)

    assert (report["written"], report["unchanged"], report["onlyThere"]) == (2, 1_298, 1)
    assert "mine" in tool.read_contents(other)
    assert "1 vectors are only in the destination: mine" in tool.run_checked(*COPY)


@pytest.mark.parametrize(
    "destination",
    [
        "copied",
        "other-bucket/copied",
        "arn:aws:s3vectors:eu-west-1:123456789012:bucket/my-bucket/index/copied",
    ],
)
def test_a_destination_is_an_index_a_bucket_and_index_or_an_arn(destination):
    """In the same bucket, another one, or another region."""
    tool.create_filled_provider(3)

    tool.run_checked("copy", "documents", destination, *tool.LOCAL)

    place = {"s3vectors_endpoint_url": "local:data"}
    if destination.startswith("other"):
        place["s3vectors_bucket_name"] = "other-bucket"
    if destination.startswith("arn"):
        place["s3vectors_region"] = "eu-west-1"
    assert len(tool.read_contents(stache.create_provider("copied", **place))) == 3


def test_each_side_has_its_own_region():
    """`--region` is the default of both."""
    tool.create_filled_provider(3)

    tool.run_checked("copy", "documents", "copied", *tool.LOCAL, "--to-region", "eu-west-1")
    result = tool.run("copy", "documents", "copied", *tool.LOCAL, "--region", "eu-west-1")

    destination = stache.create_provider(
        "copied", s3vectors_endpoint_url="local:data", s3vectors_region="eu-west-1"
    )
    assert len(tool.read_contents(destination)) == 3
    assert (result.exit_code, "in region eu-west-1" in result.stderr) == (1, True)


def test_a_copy_onto_itself_is_wrong_usage():
    """It would only cost money."""
    tool.create_filled_provider(1)

    result = tool.run("copy", "documents", "my-bucket/documents", *tool.LOCAL)

    assert result.exit_code == 2
    assert "SOURCE and DESTINATION are the same index" in result.stderr


def test_a_missing_source_is_not_created():
    """Not even at a local: endpoint; the error suggests the nearest name."""
    tool.create_filled_provider(1)

    result = tool.run("copy", "docments", "copied", *tool.LOCAL)

    assert result.exit_code == 1
    assert "Did you mean 'documents'?" in result.stderr


def test_another_dimension_is_refused_before_anything_is_written():
    """The error names reembed."""
    tool.create_filled_provider(1)
    other = open_copy(embedding_dimension=8)
    other.insert([[1.0] * 8], ["t"], ids=["there"])

    result = tool.run(*COPY)

    assert (result.exit_code, "reembed" in result.stderr) == (2, True)
    assert list(tool.read_contents(other)) == ["there"]


def test_the_comparison_detects_a_lost_write():
    """An acknowledged write is compared, too: exit status 1, with the keys."""
    tool.create_filled_provider(3)
    other = open_copy()  # whose client is the command's, too
    answer = (stache.HttpResponse(200, {}, b"{}"), {"ResponseMetadata": {"HTTPStatusCode": 200}})
    other.client.meta.events.register("before-call.s3vectors.PutVectors", lambda **_: answer)

    result = tool.run(*COPY)

    assert result.exit_code == 1
    assert "3 vectors of the source are missing or differ in my-bucket/copied" in result.stderr
    assert "key-00000" in result.stderr


def test_a_copy_that_fails_reports_its_progress_and_can_be_resumed():
    """The second run writes the rest."""
    tool.create_filled_provider(2_000)
    stache.fail_calls(open_copy().client, "PutVectors", *range(2, 40))

    stopped = tool.run(*COPY)
    close_engines()
    report = tool.read_json(*COPY)

    assert stopped.exit_code == 1
    assert "vectors are written" in stopped.stderr
    assert "Run the same command again to resume" in stopped.stderr
    assert report["unchanged"] >= 500
    assert report["written"] + report["unchanged"] == 2_000
    close_engines()
    assert tool.read_contents(open_copy()) == tool.read_contents(
        stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    )


def test_a_copy_that_is_interrupted_twice_loses_and_repeats_nothing():
    """Over HTTP, with Ctrl-C, at the service's rate; each run reports its progress."""
    count = 10_000
    with ExitStack() as stack:
        urls = [stack.enter_context(endpoints.serve()) for _ in range(2)]
        sides = [
            stack.enter_context(closing(endpoints.create_client(endpoint_url=url))) for url in urls
        ]
        for side in sides:
            side.create_vector_bucket(vectorBucketName="my-bucket")
        tool.create_filled_provider(count, s3vectors_endpoint_url=urls[0], s3vectors_write_rate=0.0)
        command = [sys.executable, "-m", "stache_ai_s3vectors", "copy", "documents", "copied"]
        command += ["--bucket", "my-bucket", "--dimension", "4"]
        command += ["--from-endpoint", urls[0], "--to-endpoint", urls[1]]

        stopped = [interrupt_copy(command, sides[1]) for _ in range(2)]
        completed = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment()
        )

        first, second = [
            stache.create_provider(index, s3vectors_endpoint_url=url, s3vectors_region="us-east-1")
            for index, url in zip(("documents", "copied"), urls, strict=True)
        ]
        with closing(first.client), closing(second.client):
            assert tool.read_contents(first) == tool.read_contents(second)
            assert len(tool.read_contents(second)) == count
    assert [run.returncode for run in stopped] == [130, 130], stopped
    assert all("vectors are written" in run.stderr for run in stopped)
    assert f"all {count} verified against the source" in completed.stdout


def environment():
    return {
        **os.environ,
        "S3VECTORS_CREATE_INDEX": "true",
        "S3VECTORS_WRITE_RATE": "1000",
        "S3VECTORS_REGION": "us-east-1",
    }


def interrupt_copy(command, client):
    """Run until the destination has more vectors than before, then press Ctrl-C."""
    before = count_listed(client)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=environment()) as process:
        while count_listed(client) == before and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output, errors)


def count_listed(client):
    """Count the vectors on the first page of the destination, or on its pages."""
    names = {"vectorBucketName": "my-bucket", "indexName": "copied"}
    try:
        pages = client.get_paginator("list_vectors").paginate(**names)
        return sum(len(page["vectors"]) for page in pages)
    except client.exceptions.NotFoundException:
        return 0


@pytest.mark.parametrize(
    "vector, other, result",
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        (UnreadVector(b"[0.1]"), UnreadVector(b"[0.1]"), True),
        (UnreadVector(b"[0.1]"), UnreadVector(b"[0.10000000149011612]"), True),
        (UnreadVector(b"[0.1]"), [0.1], True),
        (UnreadVector(b"[0.1]"), UnreadVector(b"[0.10000002]"), False),
        ([1.0, 2.0], [1.0], False),
    ],
)
def test_vectors_are_compared_as_float32(vector, other, result):
    """Another endpoint may print more digits of the same number."""
    assert is_same(Record("a", vector, {}), Record("a", other, {})) is result


@pytest.mark.parametrize(
    "metadata, other, result",
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1 / 3}, {"a": 0.3333333432674408}, True),
        ({"when": 1700000001}, {"when": 1700000040}, False),
        ({"a": 1e300}, {"a": 2e300}, False),
        ({"a": 0.3333333432674408}, {"a": 1 / 3}, False),
        ({"a": [1, 2]}, {"a": [1.0, 2.0]}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": 1}, {"a": 1.1}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": 1}, {}, False),
        ({"a": "x"}, {"a": "y"}, False),
    ],
)
def test_metadata_is_compared_value_by_value(metadata, other, result):
    """Numbers at least as float32; 1 is not true."""
    assert is_same(Record("a", [], metadata), Record("a", [], other)) is result


@pytest.fixture
def words(monkeypatch):
    """Stache's settings name the embedder."""
    monkeypatch.delenv("EMBEDDING_DIMENSION", raising=False)
    use_words_embedder(monkeypatch)
    return partial(monkeypatch.setattr, Words)


REEMBED = ("reembed", "documents", "documents-8", *tool.BUCKET, "--endpoint", "local:data")


def open_reembedded():
    return stache.create_provider(
        "documents-8", s3vectors_endpoint_url="local:data", embedding_dimension=8
    )


def test_reembed_embeds_the_same_texts(words):
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


def test_reembed_does_not_embed_a_text_twice(words):
    """A failing embedder interrupted it, and an embedder costs money per text."""
    tool.create_filled_provider(1_500)
    words("max_texts", 600)

    stopped = tool.run(*REEMBED)
    words("max_texts", None)
    report = tool.read_json(*REEMBED)

    assert stopped.exit_code == 1
    assert "the embedder failed: ConnectionError: the model is unavailable" in stopped.stderr
    assert "Run the same command again to resume" in stopped.stderr
    assert report["unchanged"] >= 500
    assert len(Words.embedded_texts) - 1 == report["written"] == 1_500 - report["unchanged"]


def test_reembed_names_the_texts_that_the_embedder_refuses(words):
    """The others are stored; exit status 1."""
    provider = tool.create_filled_provider(100)
    words("max_length", 2_000)
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
def test_one_refused_text_costs_few_calls_and_is_named(words, respond):
    """Whatever the embedder raises or returns for it; the others are stored; exit status 1."""
    provider = tool.create_filled_provider(999)
    provider.insert([[1.0] * 4], [BAD], ids=["bad"])
    words("respond", staticmethod(lambda texts: respond(texts) if BAD in texts else None))

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert result.stderr.startswith("  bad: the embedder")
    assert "1 vectors were left out" in result.stderr
    assert len(tool.read_contents(open_reembedded())) == 999
    assert len(Words.batch_sizes) <= 1_000 / 64 + 1 + 2 * 6 + 2


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
def test_an_embedder_that_is_down_is_not_called_for_each_text(words, error, embedded):
    """It gets each batch under way and one more text, at the start and later."""
    tool.create_filled_provider(1_300)
    words(
        "respond",
        staticmethod(lambda _: fail(error) if len(Words.embedded_texts) >= embedded else None),
    )

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert f"the embedder failed: {type(error).__name__}: {error}" in result.stderr
    assert "left out" not in result.stderr
    assert len(Words.batch_sizes) <= embedded / 64 + 1 + 2 * BATCHES_IN_FLIGHT


def test_an_embedder_that_fails_during_the_search_for_a_text_is_down(words):
    """No text is left out because of that."""
    provider = tool.create_filled_provider(63)
    provider.insert([[1.0] * 4], [BAD], ids=["bad"])
    words(
        "respond",
        staticmethod(
            lambda texts: (
                fail(ValueError("no")) if BAD in texts or len(Words.batch_sizes) > 4 else None
            )
        ),
    )

    result = tool.run(*REEMBED)

    assert "the embedder failed: ValueError: no" in result.stderr
    assert "left out" not in result.stderr
    assert len(Words.batch_sizes) <= 4 + 6 + 1


def test_an_error_of_the_embedder_cannot_control_the_terminal(words):
    """It may quote a text of any length."""
    provider = tool.create_filled_provider(3)
    provider.insert([[1.0] * 4], [BAD], ids=["bad"])
    error = ValueError("\x1b[2Jcannot embed " + "x" * 100_000)
    words("respond", staticmethod(lambda texts: fail(error) if BAD in texts else None))

    result = tool.run(*REEMBED)

    assert "\x1b" not in result.stderr
    assert len(result.stderr) < 1_000


def test_the_model_is_compared_even_if_the_first_text_is_refused(words):
    """With the next text that the embedder takes."""
    tool.create_filled_provider(10)
    tool.run_checked(*REEMBED)
    first = next(iter(tool.read_contents(open_reembedded()).values()))["metadata"]["text"]
    words(
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


def test_reembed_refuses_an_index_of_another_dimension(words):
    """Before it embeds a text."""
    tool.create_filled_provider(3)

    result = tool.run("reembed", "documents", "other", *tool.BUCKET, "--endpoint", "local:data")
    stache.create_provider("four", s3vectors_endpoint_url="local:data").insert([[1.0] * 4], ["t"])
    wrong = tool.run("reembed", "documents", "four", *tool.BUCKET, "--endpoint", "local:data")

    assert result.exit_code == 0  # made as it has to be
    assert wrong.exit_code == 2
    assert "the embedder makes vectors of 8 dimensions" in wrong.stderr


def test_reembed_names_an_unknown_embedder(monkeypatch):
    """As it is in the settings."""
    tool.create_filled_provider(1)
    monkeypatch.setenv("EMBEDDING_PROVIDER", "nonesuch")

    result = tool.run(*REEMBED)

    assert result.exit_code == 2
    assert "Stache cannot make the embedder 'nonesuch'" in result.stderr


@pytest.mark.parametrize("answer", [[[0.0] * 8], [[1.0] * 7], [[float("nan")] * 8], []])
def test_invalid_vectors_of_the_embedder_are_not_stored(words, answer):
    """Zeros, another dimension, NaN, or too few vectors."""
    provider = stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    provider.insert([[1.0] * 4], ["t"], ids=["a"])
    words("vectors", answer)

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert "a: the embedder's answer: the vector" in result.stderr or "0 vectors" in result.stderr
    assert not tool.read_contents(open_reembedded())


def test_reembed_does_not_mix_models(words):
    """It embeds one of the stored texts, and compares the vector."""
    tool.create_filled_provider(10)
    tool.run_checked(
        "reembed", "documents", "documents-8", *tool.BUCKET, "--endpoint", "local:data"
    )
    words("vectors", [[-1.0, *[0.5] * 7]])

    result = tool.run(*REEMBED)

    assert result.exit_code == 2
    assert "has vectors of another embedding model" in result.stderr


def test_reembed_stores_what_was_embedded_before_the_embedder_failed(words):
    """The user paid for it. The reported number is the number of stored vectors."""
    tool.create_filled_provider(1_300)
    words("max_texts", 700)

    stopped = tool.run(*REEMBED)

    stored = len(tool.read_contents(open_reembedded()))
    assert f"Stopped: {stored} vectors are written" in stopped.stderr
    assert stored >= 700 - 4 * 64


def test_throttling_is_not_reported_as_a_text_that_is_too_long(words, monkeypatch):
    """Stache's own classifier takes "too many tokens" for that."""
    tool.create_filled_provider(3)
    monkeypatch.setattr(Words, "get_name", lambda _: "bedrock")

    def throttle(*_):
        error = {"Code": "ThrottlingException", "Message": "Too many tokens, please wait"}
        raise ClientError({"Error": error}, "InvokeModel")

    monkeypatch.setattr(Words, "embed_batch", throttle)

    result = tool.run(*REEMBED)

    assert result.exit_code == 1
    assert (
        "the embedder failed: ClientError: An error occurred (ThrottlingException)" in result.stderr
    )
    assert "too long" not in result.stderr


def test_another_metric_is_refused_and_a_new_index_has_the_same():
    """Another metric would rank the results differently."""
    provider = stache.create_provider("documents", s3vectors_endpoint_url="local:data")
    stache.create_older_index(provider, "euclidean")
    provider.insert([[1.0] * 4], ["t"])
    open_copy().insert([[1.0] * 4], ["t"])

    refused = tool.run(*COPY)
    tool.run_checked("copy", "documents", "new", *tool.LOCAL, "--to-endpoint", "local:other")

    assert (refused.exit_code, "by euclidean distance" in refused.stderr) == (2, True)
    listed = tool.read_json("indexes", "list", *tool.BUCKET, "--endpoint", "local:other")
    assert {i["name"]: i["distanceMetric"] for i in listed}["new"] == "euclidean"


def test_an_arn_of_another_account_is_refused():
    """Names are looked up in the caller's own account."""
    tool.create_filled_provider(1)
    arn = "arn:aws:s3vectors:us-east-1:999999999999:bucket/my-bucket/index/copied"

    result = tool.run("copy", "documents", arn, *tool.LOCAL)

    assert result.exit_code == 2
    assert "is in account 999999999999, the credentials are of 123456789012" in result.stderr


def test_an_arn_of_the_destination_is_compared_with_the_destination():
    """The source may be in another account, like that of the local engine."""
    provider = tool.create_filled_provider(1)
    open_copy().insert([[1.0] * 4], ["t"])
    theirs = "arn:aws:s3vectors:us-east-1:999999999999:bucket/my-bucket/index/documents"
    provider.client.meta.events.register(
        "after-call.s3vectors.GetIndex", lambda parsed, **_: parsed["index"].update(indexArn=theirs)
    )
    arn = theirs.replace("999999999999", "123456789012").replace("documents", "copied")

    report = tool.read_json("copy", "documents", arn, *tool.LOCAL, "--to-endpoint", "local:other")

    assert report["written"] == 1


def test_an_empty_endpoint_is_refused():
    """It is usually an unset variable; it must not mean AWS."""
    tool.create_filled_provider(1)

    for option in ("--endpoint", "--to-endpoint", "--from-region", "--bucket"):
        result = tool.run("copy", "documents", "copied", *tool.LOCAL, option, "")
        assert (result.exit_code, "is empty" in result.stderr) == (2, True), option
