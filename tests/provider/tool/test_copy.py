"""`copy` transfers an index completely, and writes only what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from stache_ai_s3vectors.aws.connections import close_engines
from support import endpoints, providers, tool

COPY = ("copy", "documents", "copied", *tool.LOCAL, "--to-endpoint", "local:other")


def open_copy(index="copied", endpoint="local:other", **settings):
    return providers.create_provider(index, s3vectors_endpoint_url=endpoint, **settings)


def test_a_copy_is_complete():
    """Vectors, texts and metadata are as they are stored."""
    provider = tool.create_filled_provider(1_300)

    assert tool.read_json(*COPY) == {
        "index": "copied",
        "written": 1_300,
        "unchanged": 0,
        "different": 0,
        "onlyInDestination": 0,
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

    assert (report["written"], report["unchanged"], report["onlyInDestination"]) == (2, 1_298, 1)
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
    assert len(tool.read_contents(providers.create_provider("copied", **place))) == 3


def test_each_side_has_its_own_region():
    """`--region` is the default of both."""
    tool.create_filled_provider(3)

    tool.run_checked("copy", "documents", "copied", *tool.LOCAL, "--to-region", "eu-west-1")
    result = tool.run("copy", "documents", "copied", *tool.LOCAL, "--region", "eu-west-1")

    destination = providers.create_provider(
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
    other.insert([[1.0] * 8], ["t"], ids=["existing"])

    result = tool.run(*COPY)

    assert (result.exit_code, "reembed" in result.stderr) == (2, True)
    assert list(tool.read_contents(other)) == ["existing"]


def test_the_comparison_detects_a_lost_write():
    """Acknowledged writes are compared as well: exit status 1, with the keys."""
    tool.create_filled_provider(3)
    other = open_copy()  # the command uses the same client
    answer = (providers.HttpResponse(200, {}, b"{}"), {"ResponseMetadata": {"HTTPStatusCode": 200}})
    other.client.meta.events.register("before-call.s3vectors.PutVectors", lambda **_: answer)

    result = tool.run(*COPY)

    assert result.exit_code == 1
    assert "3 vectors of the source are missing or differ in my-bucket/copied" in result.stderr
    assert "key-00000" in result.stderr


def test_a_copy_that_fails_reports_its_progress_and_can_be_resumed():
    """The second run writes the rest."""
    tool.create_filled_provider(2_000)
    providers.fail_calls(open_copy().client, "PutVectors", *range(2, 40))

    stopped = tool.run(*COPY)
    close_engines()
    report = tool.read_json(*COPY)

    assert stopped.exit_code == 1
    assert "vectors written" in stopped.stderr
    assert "Run the same command again to resume" in stopped.stderr
    assert report["unchanged"] >= 500
    assert report["written"] + report["unchanged"] == 2_000
    close_engines()
    assert tool.read_contents(open_copy()) == tool.read_contents(
        providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    )


@pytest.mark.long
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
            command, capture_output=True, text=True, check=True, env=build_environment()
        )

        first, second = [
            providers.create_provider(
                index, s3vectors_endpoint_url=url, s3vectors_region="us-east-1"
            )
            for index, url in zip(("documents", "copied"), urls, strict=True)
        ]
        with closing(first.client), closing(second.client):
            assert tool.read_contents(first) == tool.read_contents(second)
            assert len(tool.read_contents(second)) == count
    assert [run.returncode for run in stopped] == [130, 130], stopped
    assert all("vectors written" in run.stderr for run in stopped)
    assert f"all {count} verified against the source" in completed.stdout


def build_environment():
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
    with subprocess.Popen(command, **pipes, env=build_environment()) as process:
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


def test_another_metric_is_refused_and_a_new_index_has_the_same():
    """Another metric would rank the results differently."""
    provider = providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    providers.create_older_index(provider, "euclidean")
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
    assert "is in account 999999999999, the credentials belong to 123456789012" in result.stderr


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
