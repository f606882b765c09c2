"""Indexes can be created, read, listed and deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.aws

INDEX: dict[str, Any] = {"dataType": "float32", "dimension": 3, "distanceMetric": "euclidean"}


def test_a_new_index_can_be_read_by_names_and_by_arn(client, bucket):
    """GetIndex returns all members of CreateIndex."""
    arn = client.create_index(
        vectorBucketName=bucket,
        indexName="my.index",
        **INDEX,
        metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow"]},
    )["indexArn"]

    results = client.get_index(indexArn=arn)["index"]

    assert re.fullmatch(
        rf"arn:aws:s3vectors:[a-z0-9-]+:\d{{12}}:bucket/{bucket}/index/my.index", arn
    )
    assert results == client.get_index(vectorBucketName=bucket, indexName="my.index")["index"]
    assert results.pop("creationTime")
    assert results == {
        "vectorBucketName": bucket,
        "indexName": "my.index",
        "indexArn": arn,
        **INDEX,
        "metadataConfiguration": {"nonFilterableMetadataKeys": ["text", "_overflow"]},
        "encryptionConfiguration": {"sseType": "AES256"},
        "indexMode": "ENHANCED",
    }


def test_without_non_filterable_keys_there_is_no_metadata_configuration(client, bucket):
    """As on AWS, the member is absent, not empty."""
    client.create_index(vectorBucketName=bucket, indexName="idx", **INDEX)

    results = client.get_index(vectorBucketName=bucket, indexName="idx")["index"]

    assert "metadataConfiguration" not in results


@pytest.mark.ours  # AWS would look up the key
def test_an_index_inherits_or_overrides_its_buckets_encryption(client):
    """By default, it has that of its bucket."""
    kms = {"sseType": "aws:kms", "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}
    plain = {"sseType": "AES256"}
    client.create_vector_bucket(vectorBucketName="b-1", encryptionConfiguration=kms)
    client.create_index(
        vectorBucketName="b-1", indexName="own", **INDEX, encryptionConfiguration=plain
    )
    client.create_index(vectorBucketName="b-1", indexName="same", **INDEX)

    results = {
        name: client.get_index(vectorBucketName="b-1", indexName=name)["index"]
        for name in ("own", "same")
    }

    assert results["own"]["encryptionConfiguration"] == plain
    assert results["same"]["encryptionConfiguration"] == kms


def test_invalid_encryption_of_an_index_is_refused(client, bucket):
    """The rules are those for a bucket."""
    for encryption in ({"sseType": "aws:kms"}, {"kmsKeyArn": f"arn:aws:kms:x:{0:012}:key/k"}):
        with pytest.raises(client.exceptions.ValidationException, match="kmsKeyArn must"):
            client.create_index(
                vectorBucketName=bucket,
                indexName="idx",
                **INDEX,
                encryptionConfiguration=encryption,
            )


@pytest.mark.ours
def test_the_number_of_indexes_is_limited(client, names, monkeypatch):
    """The limit is 10,000; the test uses fewer."""
    monkeypatch.setattr("s3vectors_local.limits.INDEXES", 1)

    with pytest.raises(client.exceptions.ServiceQuotaExceededException):
        client.create_index(**{**names, "indexName": "second"}, **INDEX)


def test_every_broken_constraint_is_named_at_once(client, bucket):
    """Two wrong members are two entries in the field list."""
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.create_index(
            vectorBucketName=bucket,
            indexName="idx",
            dataType="float16",
            dimension=4097,
            distanceMetric="cosine",
        )

    response = refused.value.response
    assert response["message"].startswith("2 validation errors detected. ")
    assert "Member must satisfy enum value set: [float32]" in response["message"]
    assert "Member must be between 1 and 4096, inclusive" in response["message"]
    assert [field["path"] for field in response["fieldList"]] == ["/dataType", "/dimension"]


@pytest.mark.parametrize("name", ["My-Index", "my_index", ".index", "index-"])
def test_a_bad_index_name_is_refused(client, bucket, name):
    """The rules are those for buckets, but dots are allowed inside."""
    with pytest.raises(client.exceptions.ValidationException, match="Invalid index name"):
        client.create_index(vectorBucketName=bucket, indexName=name, **INDEX)


@pytest.mark.parametrize(
    "keys, problem",
    [
        ([f"k{n}" for n in range(11)], "Value with length 11 at"),
        (["k" * 64], "Member must have length between 1 and 63, inclusive"),
    ],
)
def test_non_filterable_keys_are_limited(client, bucket, keys, problem):
    """An index has at most ten, each with at most 63 characters."""
    with pytest.raises(client.exceptions.ValidationException, match=problem):
        client.create_index(
            vectorBucketName=bucket,
            indexName="idx",
            **INDEX,
            metadataConfiguration={"nonFilterableMetadataKeys": keys},
        )


def test_an_index_name_is_unique(client, names):
    """A second CreateIndex is a conflict."""
    with pytest.raises(client.exceptions.ConflictException, match="An index with the specified"):
        client.create_index(**names, **INDEX)


def test_the_bucket_must_exist_first(client):
    """CreateIndex and ListIndexes report the missing bucket."""
    with pytest.raises(client.exceptions.NotFoundException, match="vector bucket could not be"):
        client.create_index(vectorBucketName="nope", indexName="idx", **INDEX)
    with pytest.raises(client.exceptions.NotFoundException, match="vector bucket could not be"):
        client.list_indexes(vectorBucketName="nope")


def test_an_unknown_index_is_not_found_even_when_the_bucket_is_missing(client, bucket):
    """The error names the index in both cases, as on AWS."""
    for where in (bucket, "nope"):
        with pytest.raises(client.exceptions.NotFoundException, match="index could not be found"):
            client.get_index(vectorBucketName=where, indexName="idx")


def test_an_index_is_given_by_both_names_or_by_arn(client, names):
    arn = client.get_index(**names)["index"]["indexArn"]

    for wrong in ({**names, "indexArn": arn}, {"indexName": "my-index"}, {}):
        with pytest.raises(client.exceptions.ValidationException, match="either indexArn or both"):
            client.get_index(**wrong)


def test_an_arn_of_the_older_packages_form_is_refused(client, names):
    """S3 Vectors has no `vector-bucket/`."""
    arn = client.get_index(**names)["index"]["indexArn"]

    for wrong in (arn.replace(":bucket/", ":vector-bucket/"), arn + "/more", arn + "_"):
        with pytest.raises(client.exceptions.ValidationException, match="regular expression"):
            client.get_index(indexArn=wrong)


def test_indexes_are_listed_by_name_prefix_and_page(client, bucket):
    """A list has only those of one bucket."""
    client.create_vector_bucket(vectorBucketName="my-bucket-2")
    for where, name in ((bucket, "b-2"), (bucket, "b-1"), (bucket, "a-1"), ("my-bucket-2", "b-3")):
        client.create_index(vectorBucketName=where, indexName=name, **INDEX)

    pages = client.get_paginator("list_indexes").paginate(
        vectorBucketName=bucket, prefix="b", PaginationConfig={"PageSize": 1}
    )

    assert [[i["indexName"] for i in page["indexes"]] for page in pages] == [["b-1"], ["b-2"]]


def test_deleting_an_index_deletes_its_vectors(client, names):
    """A new index with the same name is empty."""
    client.put_vectors(**names, vectors=[{"key": "a", "data": {"float32": [1, 0]}}])

    client.delete_index(**names)
    client.create_index(**names, **INDEX)

    assert client.list_vectors(**names)["vectors"] == []


def test_deleting_an_unknown_index_is_an_error(client, bucket):
    """Its bucket may be unknown as well."""
    with pytest.raises(client.exceptions.NotFoundException, match="index could not be found"):
        client.delete_index(vectorBucketName=bucket, indexName="nope")
