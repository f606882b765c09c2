"""Fixtures of all tests: protection of other machines (unless --aws is set), and an engine."""

from __future__ import annotations

import gc
import os
import signal
import sys
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from support.command_line_flags import AWS
from support.processes import loopback, session_caches

# A shell starts background processes with Ctrl-C ignored, and their children inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
if not AWS:
    loopback.use_dummy_credentials()  # before anything reads the environment
    loopback.refuse_other_machines()
session_caches.share_caches()
# The CDK runs in Node. The machine's own Node may be too old or missing
os.environ["JSII_NODE"] = str(Path(sys.executable).with_name("node"))
# No test depends on the speed of the machine
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

from stache_ai.providers.factories import S3VectorsProviderFactory

from s3vectors_local import Engine, connect
from stache_ai_s3vectors.aws.connections import close_engines
from support.endpoints import KINDS, create_client, open_client
from support.engine.model import check_responses
from support.stache.namespaces import close_connections

close_connections()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Start three workers for two cores: two waited for disks and pip a fifth of the time."""
    return (yield) * 3 // 2 or 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    parser.addoption(
        "--aws",
        action="store_true",
        help="run the behavior tests against AWS, with your credentials and at your cost: each "
        "creates a vector bucket and deletes it",
    )
    parser.addoption(
        "--other-choices",
        action="store_true",
        help="let the engine of the provider's tests use the alternative behavior where AWS does "
        "not document the behavior",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what the collection creates out of garbage collection: a sixth of the tests' time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(trylast=True)  # after the shuffle
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start with the long tests. With --aws, select only tests without an engine."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if not AWS:
        return
    selected = [item for item in items if _is_for_aws(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected


def _is_for_aws(item: pytest.Item) -> bool:
    marked = item.get_closest_marker("aws") and not item.get_closest_marker("ours")
    fixtures = getattr(item, "fixturenames", ())
    is_independent = {"client", "account"} & {*fixtures} and "engine" not in fixtures
    return bool(marked and is_independent)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start each test in an empty directory (without .env), with no engine and no settings."""
    monkeypatch.chdir(tmp_path)
    yield
    close_engines()
    S3VectorsProviderFactory.reset()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine in memory."""
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A boto3 client of the engine. Every response is checked against the service model."""
    if not AWS:
        yield connect(create_client(), request.getfixturevalue("engine"))
        return
    bucket_arns: list[str] = []
    with closing(check_responses(boto3.client("s3vectors"))) as client:
        client.meta.events.register(
            "after-call.s3vectors.CreateVectorBucket",
            lambda parsed, **_: bucket_arns.extend(filter(None, [parsed.get("vectorBucketArn")])),
        )
        yield client
        for arn in bucket_arns:
            _delete(client, arn)


def _delete(client: Any, bucket: str) -> None:
    """Delete a bucket with its indexes, so that nothing remains in the account."""
    with suppress(client.exceptions.NotFoundException):  # a test may have deleted it
        for index in client.list_indexes(vectorBucketArn=bucket)["indexes"]:
            client.delete_index(indexArn=index["indexArn"])
        client.delete_vector_bucket(vectorBucketArn=bucket)


@pytest.fixture
def bucket(client: Any) -> str:
    """The name of an empty vector bucket."""
    name = f"s3vectors-local-test-{uuid.uuid4()}" if AWS else "my-bucket"
    client.create_vector_bucket(vectorBucketName=name)
    return name


@pytest.fixture
def names(client: Any, bucket: str) -> dict[str, str]:
    """The names of an empty index: 2 dimensions, cosine, `text` non-filterable."""
    client.create_index(
        vectorBucketName=bucket,
        indexName="my-index",
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
    )
    return {"vectorBucketName": bucket, "indexName": "my-index"}


@pytest.fixture(scope="session")
def function_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the example function for this machine, once for all the workers; return its zip."""
    from support.deployment import function_life  # noqa: PLC0415 - it needs moto, which other environments lack

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    file = folder / "function.zip"
    with FileLock(folder / "function.lock"):
        if not file.exists():
            function_life.build_zip(file)
    return file


@pytest.fixture(scope="session", params=KINDS)
def every_endpoint(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Any]:
    """A boto3 client of each kind of endpoint, opened once for the test run."""
    with open_client(request.param, tmp_path_factory.mktemp(request.param)) as client:
        yield client
