"""Settings: their sources, which source wins, and which values are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import stache_ai.config

from stache_ai_s3vectors import ConfigurationError, S3VectorsProvider, Settings
from stache_ai_s3vectors.aws.connections import get_client
from stache_ai_s3vectors.settings import resolve_settings

BUCKET = "S3VECTORS_BUCKET_NAME"


def resolve(index=None, **settings):
    """Resolve Stache's own settings, which Stache passes to its providers."""
    return resolve_settings(stache_ai.config.Settings(**settings), index)


def test_the_documented_constructor_works():
    """Stache's own Settings ignores the last two arguments without an error."""
    settings = Settings(
        vectordb_provider="s3vectors",
        s3vectors_bucket_name="my-bucket",
        s3vectors_region="eu-west-1",
    )

    resolved = resolve_settings(settings)

    assert (resolved.bucket_name, resolved.region, resolved.index_name) == (
        "my-bucket",
        "eu-west-1",
        "stache",
    )
    assert S3VectorsProvider(settings).bucket_name == "my-bucket"


@pytest.mark.parametrize("variable", ["S3VECTORS_BUCKET_NAME", "S3VECTORS_BUCKET"])
def test_either_variable_names_the_bucket(monkeypatch, variable):
    """It is ours or Stache's; both Settings classes read both."""
    monkeypatch.setenv(variable, "my-bucket")

    assert resolve().bucket_name == "my-bucket"
    assert resolve_settings(Settings()).bucket_name == "my-bucket"


def test_a_dot_env_file_counts_as_environment(tmp_path, monkeypatch):
    """This is as in Stache, and holds for all of our settings."""
    (tmp_path / ".env").write_text(
        "S3VECTORS_BUCKET_NAME=from-file\nS3VECTORS_REGION=eu-north-1\nS3VECTORS_READ_TIMEOUT=7\n"
        "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100\nS3VECTORS_CREATE_INDEX=true\n"
    )

    resolved = resolve()

    assert (resolved.bucket_name, resolved.region) == ("from-file", "eu-north-1")
    assert (resolved.read_timeout, resolved.create_index) == (7, True)
    assert resolved.endpoint == "http://127.0.0.1:9100"
    monkeypatch.setenv(BUCKET, "from-environment")
    assert resolve().bucket_name == "from-environment"


def test_two_variables_with_different_buckets_are_an_error(monkeypatch):
    """A guess could write to the wrong bucket."""
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "one-bucket")
    monkeypatch.setenv("S3VECTORS_BUCKET", "one-bucket")
    assert resolve().bucket_name == "one-bucket"

    monkeypatch.setenv("S3VECTORS_BUCKET", "two-bucket")
    for settings in (stache_ai.config.Settings(), Settings()):
        with pytest.raises(ConfigurationError, match="NAME is 'one-bucket' and .* 'two-bucket'"):
            resolve_settings(settings)


@pytest.mark.parametrize("argument", ["s3vectors_bucket", "s3vectors_bucket_name"])
@pytest.mark.parametrize("variable", ["S3VECTORS_BUCKET", "S3VECTORS_BUCKET_NAME"])
def test_an_argument_overrides_either_variable(monkeypatch, argument, variable):
    """Arguments of our Settings win, as in pydantic."""
    monkeypatch.setenv(variable, "from-environment")

    assert resolve_settings(Settings(**{argument: "from-argument"})).bucket_name == "from-argument"


def test_without_a_bucket_the_error_names_every_way_to_set_it(monkeypatch):
    """It says why `stache_ai.config.Settings(s3vectors_bucket_name=…)` has no effect."""
    monkeypatch.setenv(BUCKET, "")  # an empty variable is not set

    with pytest.raises(ConfigurationError) as refused:
        S3VectorsProvider(stache_ai.config.Settings(s3vectors_bucket_name="dropped"))

    text = str(refused.value)
    for way in (
        "S3VECTORS_BUCKET_NAME",
        "S3VECTORS_BUCKET",
        ".env",
        "stache_ai_s3vectors.Settings(s3vectors_bucket_name=",
        "stache_ai.config.Settings(s3vectors_bucket=",
        "stache_ai.config.Settings drops s3vectors_bucket_name",
    ):
        assert way in text


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_bucket_name_is_parsed_from_an_arn(monkeypatch, partition):
    """CloudFormation's Ref is the ARN."""
    monkeypatch.setenv(BUCKET, f"arn:{partition}:s3vectors:us-east-1:123456789012:bucket/my-bucket")

    assert resolve().bucket_name == "my-bucket"


def test_requests_name_the_bucket_by_its_arn(monkeypatch):
    """A name means the caller's account; the engine in this process has only one account."""
    arn = "arn:aws:s3vectors:eu-west-1:999999999999:bucket/my-bucket"
    monkeypatch.setenv(BUCKET, arn)

    remote = resolve()
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:")
    local = resolve()

    assert remote.bucket_parameters == {"vectorBucketArn": arn}
    assert remote.index_parameters == {"indexArn": f"{arn}/index/{remote.index_name}"}
    assert local.bucket_parameters == {"vectorBucketName": "my-bucket"}
    assert local.index_parameters == {
        "vectorBucketName": "my-bucket",
        "indexName": local.index_name,
    }


def test_buckets_of_two_accounts_are_an_error(monkeypatch):
    """This holds even if their names are equal."""
    for name, account in ((BUCKET, "1" * 12), ("S3VECTORS_BUCKET", "2" * 12)):
        monkeypatch.setenv(name, f"arn:aws:s3vectors:us-east-1:{account}:bucket/my-bucket")

    with pytest.raises(ConfigurationError, match="two vector buckets are configured"):
        resolve()


def test_the_region_is_that_of_the_bucket_arn(monkeypatch):
    """A different region is an error: it may have another bucket of the same name."""
    arn = "arn:aws:s3vectors:eu-west-1:123456789012:bucket/my-bucket"
    monkeypatch.setenv("S3VECTORS_BUCKET", arn)
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")  # the same bucket

    assert (resolve().bucket_name, resolve().region) == ("my-bucket", "eu-west-1")

    monkeypatch.setenv("S3VECTORS_REGION", "us-west-2")
    with pytest.raises(ConfigurationError, match="is 'us-west-2', but .* ARN is in 'eu-west-1'"):
        resolve()


@pytest.mark.parametrize("name", ["READ_TIMEOUT", "CREATE_INDEX"])
def test_an_empty_variable_is_unset_and_a_malformed_one_is_named(monkeypatch, name):
    """The settings are not strings."""
    monkeypatch.setenv(f"S3VECTORS_{name}", "")
    assert resolve(s3vectors_bucket="my-bucket")

    monkeypatch.setenv(f"S3VECTORS_{name}", "abc")
    with pytest.raises(ConfigurationError, match=f"S3VECTORS_{name} is 'abc': Input should be a"):
        resolve(s3vectors_bucket="my-bucket")


@pytest.mark.parametrize(
    "value",
    [
        "arn:aws:s3vectors:us-east-1:123456789012:vector-bucket/my-bucket",
        "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket/index/documents",
        "arn:aws:s3:::my-bucket",
        "arn:aws:s3vectors:us-east-1:123:bucket/my-bucket",
        "My-Bucket",
        "my_bucket",
        "ab",
        "b" * 64,
    ],
)
def test_the_error_shows_a_bucket_that_is_neither_name_nor_arn(monkeypatch, value):
    """It also shows both allowed forms."""
    monkeypatch.setenv(BUCKET, value)

    with pytest.raises(ConfigurationError) as refused:
        resolve()

    assert repr(value) in str(refused.value)
    assert "arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME" in str(refused.value)


def resolve_region(**settings):
    endpoint = "http://127.0.0.1:1"  # nothing is sent to it
    settings = {"s3vectors_bucket": "my-bucket", "s3vectors_endpoint_url": endpoint, **settings}
    return get_client(resolve_settings(Settings(**settings))).meta.region_name


def test_the_region_has_the_documented_precedence(tmp_path, monkeypatch):
    """In this test, each step overrides those before it."""
    assert resolve_region() == "us-east-1"

    (tmp_path / "config").write_text("[default]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert resolve_region() == "eu-central-1"

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert resolve_region() == "eu-west-1"

    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert resolve_region() == "eu-west-2"
    assert resolve_region(aws_region="eu-west-3") == "eu-west-3"

    arn = "arn:aws:s3vectors:eu-north-1:123456789012:bucket/my-bucket"
    assert resolve_region(s3vectors_bucket=arn) == "eu-north-1"

    monkeypatch.setenv("S3VECTORS_REGION", "eu-south-1")
    assert resolve_region() == "eu-south-1"
    assert resolve_region(s3vectors_region="eu-south-2") == "eu-south-2"


def test_stache_s_default_region_is_ignored(monkeypatch):
    """`Settings.aws_region` is us-east-1 unless the user sets it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    assert resolve(s3vectors_bucket="my-bucket").region is None
    assert resolve(s3vectors_bucket="my-bucket", aws_region="us-east-1").region == "us-east-1"


@pytest.mark.parametrize(
    "value, expected",
    [
        ("", None),
        ("http://127.0.0.1:9100", "http://127.0.0.1:9100"),
        ("https://example.invalid", "https://example.invalid"),
        ("local:", "local:"),
        ("local:/data", "local:/data"),
        ("local:a/../data", "local:{cwd}/data"),
        ("local:~/data", "local:{home}/data"),
    ],
)
def test_an_endpoint_is_a_url_or_a_local_path(monkeypatch, value, expected):
    """A local path is resolved, so that two spellings are one engine."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", value)
    if expected:
        expected = expected.format(cwd=Path.cwd(), home=Path.home())

    assert resolve(s3vectors_bucket="my-bucket").endpoint == expected


@pytest.mark.parametrize(
    "value", ["localhost:9100", "http://", "ftp://x", "data", "http://x:port", "http://::1"]
)
def test_the_error_shows_a_malformed_endpoint(monkeypatch, value):
    """It also shows the allowed forms."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", value)

    with pytest.raises(ConfigurationError, match=f"is '{value}'; it must be a URL with http://"):
        resolve(s3vectors_bucket="my-bucket")


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, False),
        ({"s3vectors_endpoint_url": "local:"}, True),
        ({"s3vectors_endpoint_url": "http://127.0.0.1:1"}, False),
        ({"s3vectors_create_index": True}, True),
        ({"s3vectors_create_index": False, "s3vectors_endpoint_url": "local:"}, False),
    ],
)
def test_missing_indexes_are_created_locally_or_on_request(settings, expected):
    """On AWS, the infrastructure creates them."""
    assert (
        resolve_settings(Settings(s3vectors_bucket="my-bucket", **settings)).create_index
        is expected
    )


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, 1536),
        ({"embedding_dimension": 256}, 256),
        ({"embedding_provider": "bedrock"}, 1024),
        ({"embedding_provider": "bedrock", "embedding_dimension": 512}, 512),
        ({"embedding_provider": "ollama", "embedding_model": "nomic-embed-text"}, 768),
        ({"embedding_provider": "my-own"}, 1536),
    ],
)
def test_the_dimension_is_the_setting_or_that_of_the_model(settings, expected):
    """Stache's default of 1536 does not depend on the model."""
    assert resolve(s3vectors_bucket="my-bucket", **settings).dimension == expected


def test_the_index_is_the_argument_or_the_documents_index_or_the_older_one():
    """Stache's factory passes the name; the constructor also works without it."""
    base = {"s3vectors_bucket": "my-bucket"}

    assert resolve(**base).index_name == "stache"
    assert resolve(**base, s3vectors_index="older").index_name == "older"
    assert resolve(**base, s3vectors_index="older", s3vectors_documents_index="d").index_name == "d"
    assert resolve("summaries", **base, s3vectors_documents_index="d").index_name == "summaries"


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, ("text",)),
        ({"s3vectors_text_keys": "filename"}, ("text", "filename")),
        ({"s3vectors_text_keys": " title, text,,title "}, ("text", "title")),
    ],
)
def test_the_text_keys_include_text(settings, expected):
    """The setting is a comma-separated list of further keys."""
    assert (
        resolve_settings(Settings(s3vectors_bucket="my-bucket", **settings)).text_keys == expected
    )


@pytest.mark.parametrize(
    "keys, message",
    [
        (",".join(map(str, range(10))), "has 11 keys, including text; S3 Vectors takes at most 10"),
        ("k" * 64, "S3 Vectors takes at most 63: use a shorter key"),
        ("_overflow", "_overflow is reserved for this provider"),
    ],
)
def test_text_keys_that_the_service_does_not_take_are_refused(keys, message):
    """They are refused before anything is created."""
    with pytest.raises(ConfigurationError, match=message):
        resolve_settings(Settings(s3vectors_bucket="my-bucket", s3vectors_text_keys=keys))


def test_a_language_that_the_service_does_not_have_is_refused(monkeypatch):
    """The error names all languages."""
    monkeypatch.setenv("S3VECTORS_TEXT_LANGUAGE", "sv")

    with pytest.raises(ConfigurationError, match="S3VECTORS_TEXT_LANGUAGE is 'sv': .*'en', 'fr'"):
        resolve(s3vectors_bucket="my-bucket")


def test_timeouts_reach_the_client():
    """Botocore's 60 seconds could use up a Lambda function's time."""
    base = {"s3vectors_bucket": "my-bucket", "s3vectors_endpoint_url": "local:"}
    client = get_client(resolve_settings(Settings(**base)))
    patient = get_client(
        resolve_settings(Settings(**base, s3vectors_connect_timeout=1, s3vectors_read_timeout=99))
    )

    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (3, 15)
    assert (patient.meta.config.connect_timeout, patient.meta.config.read_timeout) == (1, 99)
    assert client.meta.config.retries["mode"] == "standard"


def test_a_timeout_is_positive():
    """Pydantic's error shows the value."""
    with pytest.raises(ValueError, match="greater than 0"):
        Settings(s3vectors_read_timeout=0)
