"""Vector buckets can be created, read, listed and deleted."""

from __future__ import annotations

import pytest
from botocore import session
from botocore.exceptions import ClientError

from s3vectors_local import Caller, connect
from support.endpoints import create_client

ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"


def test_a_new_bucket_can_be_read_by_name_and_by_arn(client, bucket):
    """GetVectorBucket returns the same for both, with AWS's defaults."""
    by_name = client.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"]
    by_arn = client.get_vector_bucket(vectorBucketArn=ARN)["vectorBucket"]

    assert by_name == by_arn
    assert by_name["vectorBucketArn"] == ARN
    assert by_name["encryptionConfiguration"] == {"sseType": "AES256"}
    assert by_name["defaultIndexMode"] == "ENHANCED"


def test_a_bucket_name_is_unique(client, bucket):
    """A second CreateVectorBucket is a conflict."""
    with pytest.raises(client.exceptions.ConflictException, match="already exists"):
        client.create_vector_bucket(vectorBucketName=bucket)


@pytest.mark.parametrize("name", ["My-Bucket", "my_bucket", "-bucket", "bucket-", "my.bucket"])
def test_a_bad_bucket_name_is_refused(client, name):
    """It may have lower-case letters, digits and hyphens, with a letter or digit at both ends."""
    with pytest.raises(client.exceptions.ValidationException, match="Invalid vector bucket name"):
        client.create_vector_bucket(vectorBucketName=name)


def test_a_long_bucket_name_is_refused_with_its_length(client):
    """The API model refuses it, with AWS's text."""
    with pytest.raises(ClientError) as refused:
        client.create_vector_bucket(vectorBucketName="b" * 64)

    rule = "Member must have length between 3 and 63, inclusive"
    message = f"Value with length 64 at '/vectorBucketName' failed to satisfy constraint: {rule}"
    assert refused.value.response["message"] == f"1 validation error detected. {message}"
    assert refused.value.response["fieldList"] == [
        {"path": "/vectorBucketName", "message": message}
    ]


@pytest.mark.parametrize(
    "encryption, problem",
    [
        ({"sseType": "aws:kms"}, "kmsKeyArn must be specified when sseType is set to aws:kms"),
        (
            {"kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"},
            "kmsKeyArn must not be specified when sseType is AES256.",
        ),
        ({"sseType": "aws:kms", "kmsKeyArn": "alias/k"}, "regular expression"),
        ({"sseType": "none"}, r"enum value set: \[AES256, aws:kms\]"),
    ],
)
def test_invalid_encryption_is_refused(client, encryption, problem):
    """A key requires aws:kms, and aws:kms requires a key."""
    with pytest.raises(client.exceptions.ValidationException, match=problem):
        client.create_vector_bucket(vectorBucketName="b-1", encryptionConfiguration=encryption)


def test_nulls_and_unknown_members_of_the_encryption_are_ignored(engine):
    """Null means not set. Newer clients may send unknown members."""
    encryption = {"sseType": None, "kmsKeyArn": None, "future": {"x": 1}}

    engine.call(
        "CreateVectorBucket", {"vectorBucketName": "b-1", "encryptionConfiguration": encryption}
    )

    results = engine.call("GetVectorBucket", {"vectorBucketName": "b-1"})["vectorBucket"]
    assert results["encryptionConfiguration"] == {"sseType": "AES256"}


def test_encryption_with_a_key_is_stored(client):
    """GetVectorBucket returns it."""
    encryption = {"sseType": "aws:kms", "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}

    client.create_vector_bucket(vectorBucketName="b-1", encryptionConfiguration=encryption)

    results = client.get_vector_bucket(vectorBucketName="b-1")["vectorBucket"]
    assert results["encryptionConfiguration"] == encryption


def test_buckets_are_listed_by_name_prefix_and_page(client):
    """A page has maxResults buckets and continues the previous one; the last has no token."""
    for name in ("b-3", "a-1", "b-1", "b-2"):
        client.create_vector_bucket(vectorBucketName=name)

    first = client.list_vector_buckets(prefix="b-", maxResults=2)
    second = client.list_vector_buckets(prefix="b-", nextToken=first["nextToken"])

    assert [b["vectorBucketName"] for b in first["vectorBuckets"]] == ["b-1", "b-2"]
    assert [b["vectorBucketName"] for b in second["vectorBuckets"]] == ["b-3"]
    assert "nextToken" not in second


def test_a_token_is_valid_only_for_its_own_listing(client):
    """It is refused with another prefix or listing, or if it is changed or truncated."""
    for name in ("b-1", "b-2"):
        client.create_vector_bucket(vectorBucketName=name)
    token = client.list_vector_buckets(maxResults=1)["nextToken"]

    for wrong in (
        {"nextToken": token, "prefix": "b"},
        {"nextToken": token[:-2]},
        {"nextToken": "é"},
        *({"nextToken": changed} for changed in tamper(token)),
    ):
        with pytest.raises(client.exceptions.ValidationException, match="Invalid nextToken"):
            client.list_vector_buckets(**wrong)
    with pytest.raises(client.exceptions.ValidationException, match="Invalid nextToken"):
        client.list_indexes(vectorBucketName="b-1", nextToken=token)


def tamper(token):
    """Yield the token with each character replaced by others of the alphabet."""
    for position, character in enumerate(token):
        for other in "AaZ0_-=":
            if other != character:
                yield token[:position] + other + token[position + 1 :]


def test_a_key_must_be_in_the_same_region(client):
    key = "arn:aws:kms:eu-west-1:123456789012:key/k"
    encryption = {"sseType": "aws:kms", "kmsKeyArn": key}

    with pytest.raises(client.exceptions.ValidationException, match="in the same region"):
        client.create_vector_bucket(vectorBucketName="b-1", encryptionConfiguration=encryption)


def test_the_number_of_buckets_is_limited_by_region(client, bucket, monkeypatch):
    """The limit is 10,000; the test uses fewer."""
    monkeypatch.setattr("s3vectors_local.limits.BUCKETS", 1)

    with pytest.raises(client.exceptions.ServiceQuotaExceededException) as refused:
        client.create_vector_bucket(vectorBucketName="b-1")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402


def test_an_empty_bucket_can_be_deleted(client, bucket):
    """A second deletion does not find it."""
    client.delete_vector_bucket(vectorBucketName=bucket)
    with pytest.raises(client.exceptions.NotFoundException, match="bucket could not be found"):
        client.delete_vector_bucket(vectorBucketName=bucket)

    assert client.list_vector_buckets()["vectorBuckets"] == []


def test_a_bucket_with_an_index_cannot_be_deleted(client, names):
    """Its indexes must be deleted first."""
    with pytest.raises(client.exceptions.ConflictException, match="is not empty"):
        client.delete_vector_bucket(vectorBucketName=names["vectorBucketName"])


def test_an_unknown_bucket_is_not_found(client):
    """The error is NotFoundException, not ResourceNotFoundException."""
    with pytest.raises(client.exceptions.NotFoundException, match="vector bucket could not be"):
        client.get_vector_bucket(vectorBucketName="nope")


@pytest.mark.parametrize(
    "request_", [{}, {"vectorBucketName": "my-bucket", "vectorBucketArn": ARN}]
)
def test_a_bucket_is_given_by_name_or_by_arn(client, bucket, request_):
    """Neither and both are refused."""
    with pytest.raises(client.exceptions.ValidationException, match="but not both"):
        client.get_vector_bucket(**request_)


def test_buckets_belong_to_an_account_and_a_region(engine, client, bucket):
    """The credential scope has the region, and an access key of 12 digits is an account."""
    other_region = connect(create_client(region_name="eu-west-1"), engine)
    other_account = connect(
        create_client(aws_access_key_id="210987654321", aws_secret_access_key="x"), engine
    )
    china = connect(create_client(region_name="cn-north-1"), engine)

    assert other_region.list_vector_buckets()["vectorBuckets"] == []
    created = other_account.create_vector_bucket(vectorBucketName=bucket)["vectorBucketArn"]
    assert created == ARN.replace("123456789012", "210987654321")
    created = china.create_vector_bucket(vectorBucketName=bucket)["vectorBucketArn"]
    assert created == "arn:aws-cn:s3vectors:cn-north-1:123456789012:bucket/my-bucket"


@pytest.mark.parametrize(
    "region, partition",
    [
        (region, partition["id"])
        for partition in session.get_session().get_data("partitions")["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    ],
)
def test_every_region_of_botocore_has_its_partition(region, partition):
    """Isolated regions have one as well."""
    assert (
        Caller(region=region)
        .format_bucket_arn("b")
        .startswith(f"arn:{partition}:s3vectors:{region}:")
    )


def test_other_access_key_ids_are_in_the_default_account(engine):
    """Only an ID of 12 digits is an account."""
    client = connect(
        create_client(aws_access_key_id="2109876543210", aws_secret_access_key="x"), engine
    )

    assert (
        ":123456789012:" in client.create_vector_bucket(vectorBucketName="b-1")["vectorBucketArn"]
    )


def test_tags_follow_the_models_rules(client):
    """Letters of any script, digits, spaces and some signs are allowed."""
    client.create_vector_bucket(vectorBucketName="b-1", tags={"Größe": "a b/c"})

    with pytest.raises(client.exceptions.ValidationException, match="regular expression"):
        client.create_vector_bucket(vectorBucketName="b-2", tags={"a!": "b"})
