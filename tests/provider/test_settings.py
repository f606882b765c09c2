"""Settings: where each may come from, which wins, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import stache_ai.config

from stache_ai_s3vectors import ConfigurationError, S3VectorsProvider, Settings
from stache_ai_s3vectors.aws.connections import connect
from stache_ai_s3vectors.settings import resolve_settings

BUCKET = "S3VECTORS_BUCKET_NAME"


def options(index=None, **settings):
    """From Stache's own settings, as Stache hands them over."""
    return resolve_settings(stache_ai.config.Settings(**settings), index)


def test_the_documented_constructor_works():
    """Stache's own Settings drops the last two without a word."""
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
    """Ours and Stache's; whichever Settings class is used."""
    monkeypatch.setenv(variable, "my-bucket")

    assert options().bucket_name == "my-bucket"
    assert resolve_settings(Settings()).bucket_name == "my-bucket"


def test_a_dot_env_file_counts_as_environment(tmp_path, monkeypatch):
    """As it does for Stache, for all of our settings."""
    (tmp_path / ".env").write_text(
        "S3VECTORS_BUCKET_NAME=from-file\nS3VECTORS_REGION=eu-north-1\nS3VECTORS_READ_TIMEOUT=7\n"
        "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100\nS3VECTORS_CREATE_INDEX=true\n"
    )

    resolved = options()

    assert (resolved.bucket_name, resolved.region) == ("from-file", "eu-north-1")
    assert (resolved.read_timeout, resolved.create_index) == (7, True)
    assert resolved.endpoint == "http://127.0.0.1:9100"
    monkeypatch.setenv(BUCKET, "from-environment")
    assert options().bucket_name == "from-environment"


def test_both_variables_may_agree_but_not_differ(monkeypatch):
    """Guessing would write into the wrong bucket."""
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "one-bucket")
    monkeypatch.setenv("S3VECTORS_BUCKET", "one-bucket")
    assert options().bucket_name == "one-bucket"

    monkeypatch.setenv("S3VECTORS_BUCKET", "two-bucket")
    for settings in (stache_ai.config.Settings(), Settings()):
        with pytest.raises(ConfigurationError, match="NAME is 'one-bucket' and .* 'two-bucket'"):
            resolve_settings(settings)


@pytest.mark.parametrize("argument", ["s3vectors_bucket", "s3vectors_bucket_name"])
@pytest.mark.parametrize("variable", ["S3VECTORS_BUCKET", "S3VECTORS_BUCKET_NAME"])
def test_an_argument_beats_either_variable(monkeypatch, argument, variable):
    """In our Settings, as arguments do in pydantic's."""
    monkeypatch.setenv(variable, "from-environment")

    assert resolve_settings(Settings(**{argument: "from-argument"})).bucket_name == "from-argument"


def test_without_a_bucket_the_error_names_every_way(monkeypatch):
    """And teaches why `stache_ai.config.Settings(s3vectors_bucket_name=…)` has no effect."""
    monkeypatch.setenv(BUCKET, "")  # set to nothing is not set

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
def test_a_bucket_arn_is_taken_apart(monkeypatch, partition):
    """CloudFormation's Ref is the ARN."""
    monkeypatch.setenv(BUCKET, f"arn:{partition}:s3vectors:us-east-1:123456789012:bucket/my-bucket")

    assert options().bucket_name == "my-bucket"


def test_a_bucket_arn_is_what_requests_name(monkeypatch):
    """A name would be one of the caller's own account; the engine in this process has one only."""
    arn = "arn:aws:s3vectors:eu-west-1:999999999999:bucket/my-bucket"
    monkeypatch.setenv(BUCKET, arn)

    remote = options()
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:")
    local = options()

    assert remote.bucket_parameters == {"vectorBucketArn": arn}
    assert remote.index_parameters == {"indexArn": f"{arn}/index/{remote.index_name}"}
    assert local.bucket_parameters == {"vectorBucketName": "my-bucket"}
    assert local.index_parameters == {
        "vectorBucketName": "my-bucket",
        "indexName": local.index_name,
    }


def test_buckets_of_two_accounts_contradict_each_other(monkeypatch):
    """Whatever their names are."""
    for name, account in ((BUCKET, "1" * 12), ("S3VECTORS_BUCKET", "2" * 12)):
        monkeypatch.setenv(name, f"arn:aws:s3vectors:us-east-1:{account}:bucket/my-bucket")

    with pytest.raises(ConfigurationError, match="two vector buckets are configured"):
        options()


def test_the_region_of_a_bucket_arn_counts_and_is_not_contradicted(monkeypatch):
    """Another region may have another bucket of the same name."""
    arn = "arn:aws:s3vectors:eu-west-1:123456789012:bucket/my-bucket"
    monkeypatch.setenv("S3VECTORS_BUCKET", arn)
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")  # the same bucket

    assert (options().bucket_name, options().region) == ("my-bucket", "eu-west-1")

    monkeypatch.setenv("S3VECTORS_REGION", "us-west-2")
    with pytest.raises(ConfigurationError, match="is 'us-west-2', but .* ARN is in 'eu-west-1'"):
        options()


@pytest.mark.parametrize("name", ["READ_TIMEOUT", "CREATE_INDEX"])
def test_set_to_nothing_is_not_set_and_nonsense_is_named(monkeypatch, name):
    """For settings that are no text."""
    monkeypatch.setenv(f"S3VECTORS_{name}", "")
    assert options(s3vectors_bucket="my-bucket")

    monkeypatch.setenv(f"S3VECTORS_{name}", "abc")
    with pytest.raises(ConfigurationError, match=f"S3VECTORS_{name} is 'abc': Input should be a"):
        options(s3vectors_bucket="my-bucket")


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
def test_a_bucket_that_is_neither_name_nor_arn_is_shown(monkeypatch, value):
    """With both forms that are possible."""
    monkeypatch.setenv(BUCKET, value)

    with pytest.raises(ConfigurationError) as refused:
        options()

    assert repr(value) in str(refused.value)
    assert "arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME" in str(refused.value)


def region(**settings):
    endpoint = "http://127.0.0.1:1"  # nothing is sent there
    settings = {"s3vectors_bucket": "my-bucket", "s3vectors_endpoint_url": endpoint, **settings}
    return connect(resolve_settings(Settings(**settings))).meta.region_name


def test_the_region_falls_back_step_by_step(tmp_path, monkeypatch):
    """Each step beats those before it in this test."""
    assert region() == "us-east-1"

    (tmp_path / "config").write_text("[default]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert region() == "eu-central-1"

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert region() == "eu-west-1"

    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert region() == "eu-west-2"
    assert region(aws_region="eu-west-3") == "eu-west-3"

    arn = "arn:aws:s3vectors:eu-north-1:123456789012:bucket/my-bucket"
    assert region(s3vectors_bucket=arn) == "eu-north-1"

    monkeypatch.setenv("S3VECTORS_REGION", "eu-south-1")
    assert region() == "eu-south-1"
    assert region(s3vectors_region="eu-south-2") == "eu-south-2"


def test_stache_s_default_region_says_nothing(monkeypatch):
    """`Settings.aws_region` is us-east-1 unless it was really set."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    assert options(s3vectors_bucket="my-bucket").region is None
    assert options(s3vectors_bucket="my-bucket", aws_region="us-east-1").region == "us-east-1"


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
def test_endpoints(monkeypatch, value, expected):
    """A local path is resolved, so that two spellings are one engine."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", value)
    if expected:
        expected = expected.format(cwd=Path.cwd(), home=Path.home())

    assert options(s3vectors_bucket="my-bucket").endpoint == expected


@pytest.mark.parametrize(
    "value", ["localhost:9100", "http://", "ftp://x", "data", "http://x:port", "http://::1"]
)
def test_an_endpoint_of_another_form_is_shown(monkeypatch, value):
    """With the forms that are possible."""
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", value)

    with pytest.raises(ConfigurationError, match=f"is '{value}'; it must be a URL with http://"):
        options(s3vectors_bucket="my-bucket")


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
def test_missing_indexes_are_made_locally_or_when_asked(settings, expected):
    """On AWS, infrastructure makes them."""
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
def test_the_dimension_is_what_was_set_or_what_stache_knows_of_the_model(settings, expected):
    """Stache's default of 1536 says nothing about the model."""
    assert options(s3vectors_bucket="my-bucket", **settings).dimension == expected


def test_the_index_is_the_argument_or_the_documents_index_or_the_older_one():
    """Stache's factory passes the name; the constructor works without it, too."""
    base = {"s3vectors_bucket": "my-bucket"}

    assert options(**base).index_name == "stache"
    assert options(**base, s3vectors_index="older").index_name == "older"
    assert options(**base, s3vectors_index="older", s3vectors_documents_index="d").index_name == "d"
    assert options("summaries", **base, s3vectors_documents_index="d").index_name == "summaries"


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, ("text",)),
        ({"s3vectors_text_keys": "filename"}, ("text", "filename")),
        ({"s3vectors_text_keys": " title, text,,title "}, ("text", "title")),
    ],
)
def test_text_is_one_of_the_keys_that_are_searched(settings, expected):
    """Others are named with commas between."""
    assert (
        resolve_settings(Settings(s3vectors_bucket="my-bucket", **settings)).text_keys == expected
    )


@pytest.mark.parametrize(
    "keys, message",
    [
        (",".join(map(str, range(10))), "has 11 keys with text; S3 Vectors takes at most 10"),
        ("k" * 64, "S3 Vectors takes at most 63: use a shorter key"),
        ("_overflow", "_overflow is reserved for this provider"),
    ],
)
def test_text_keys_that_the_service_does_not_take_are_refused(keys, message):
    """Before anything is made."""
    with pytest.raises(ConfigurationError, match=message):
        resolve_settings(Settings(s3vectors_bucket="my-bucket", s3vectors_text_keys=keys))


def test_a_language_that_the_service_does_not_have_is_refused(monkeypatch):
    """All of them are named."""
    monkeypatch.setenv("S3VECTORS_TEXT_LANGUAGE", "sv")

    with pytest.raises(ConfigurationError, match="S3VECTORS_TEXT_LANGUAGE is 'sv': .*'en', 'fr'"):
        options(s3vectors_bucket="my-bucket")


def test_timeouts_reach_the_client():
    """Botocore's 60 seconds would hold a Lambda hostage."""
    base = {"s3vectors_bucket": "my-bucket", "s3vectors_endpoint_url": "local:"}
    client = connect(resolve_settings(Settings(**base)))
    patient = connect(
        resolve_settings(Settings(**base, s3vectors_connect_timeout=1, s3vectors_read_timeout=99))
    )

    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (3, 15)
    assert (patient.meta.config.connect_timeout, patient.meta.config.read_timeout) == (1, 99)
    assert client.meta.config.retries["mode"] == "standard"


def test_a_timeout_is_positive():
    """Pydantic says so, with the value."""
    with pytest.raises(ValueError, match="greater than 0"):
        Settings(s3vectors_read_timeout=0)
