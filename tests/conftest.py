"""What every test gets: no way to AWS, and a working engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import loopback

loopback.use_dummy_credentials()  # before anything reads the environment
loopback.refuse_other_machines()
# No test depends on how fast the machine is
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

from stache_ai.providers.factories import S3VectorsProviderFactory  # noqa: E402

from far_ends import FAR_ENDS, boto_client, far_end  # noqa: E402 - after the environment is safe
from s3vectors_local import Engine, connect  # noqa: E402
from stache_ai_s3vectors.client import close_engines  # noqa: E402


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test starts in an empty directory (no .env), with no engine and no settings."""
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
def client(engine: Engine) -> Any:
    """A boto3 client that the engine answers; every answer is checked against the model."""
    return connect(boto_client(), engine)


@pytest.fixture
def bucket(client: Any) -> str:
    """The name of an empty vector bucket."""
    client.create_vector_bucket(vectorBucketName="my-bucket")
    return "my-bucket"


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


@pytest.fixture(scope="session", params=FAR_ENDS)
def every_far_end(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Any]:
    """A boto3 client for each far end; one each for the whole run."""
    with far_end(request.param, tmp_path_factory.mktemp(request.param)) as client:
        yield client
