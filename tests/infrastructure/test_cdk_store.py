"""The resources that the CDK construct creates, resolved as CloudFormation would."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aws_cdk import CfnParameter, RemovalPolicy, Tags

from stache_ai_s3vectors.service.permissions import LEVELS, build_bucket_policy, build_key_statement
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from support.deployment import stores
from support.deployment.stacks import (
    ARN,
    BUCKET,
    KEY,
    NAMES,
    OTHER_KEY,
    import_key,
    make_function,
    synthesize,
)

BUCKET_TYPE = "AWS::S3Vectors::VectorBucket"


def test_a_store_is_a_bucket_and_three_indexes(stack):
    """They have the names, the dimension and the keys that Stache needs."""
    StacheVectorStore(stack, "Store")

    store = stores.parse_stack(synthesize(stack))

    index = stores.Index(1024, "cosine", frozenset({"text", "_overflow"}), None)
    assert (store.bucket, store.encryption) == (BUCKET, None)
    assert store.indexes == dict.fromkeys(NAMES, index)


def test_every_property_can_be_chosen(stack):
    """The value is for all indexes, or for one."""
    StacheVectorStore(
        stack,
        "Store",
        prefix="mine",
        dimension=256,
        distance_metric="euclidean",
        encryption_key=import_key(stack),
        indexes={
            "documents": VectorIndexOptions(),
            "notes": VectorIndexOptions(
                name="my.notes",
                dimension=4096,
                distance_metric="cosine",
                non_filterable_metadata_keys=["source", "text"],
                encryption_key=import_key(stack, "OtherKey", OTHER_KEY),
            ),
        },
    )

    store = stores.parse_stack(synthesize(stack))

    ours = frozenset({"text", "_overflow"})
    assert (store.bucket, store.encryption) == ("mine-vectors-123456789012", KEY)
    assert store.indexes == {
        "documents-256": stores.Index(256, "euclidean", ours, None),
        "my.notes": stores.Index(4096, "cosine", ours | {"source"}, OTHER_KEY),
    }


@pytest.mark.parametrize(
    "removal, policies",
    [(None, ("RetainExceptOnCreate", "Retain")), (RemovalPolicy.DESTROY, ("Delete", "Delete"))],
)
def test_data_is_retained_by_default(stack, removal, policies):
    """So is its key, but not the data of a failed first deployment."""
    how = {} if removal is None else {"removal_policy": removal}
    StacheVectorStore(stack, "Store", create_encryption_key=True, **how)

    resources = synthesize(stack).resources.values()

    assert {resource["Type"] for resource in resources} == {
        "AWS::KMS::Key",
        "AWS::S3Vectors::VectorBucket",
        "AWS::S3Vectors::Index",
    }
    for resource in resources:
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == policies


@pytest.mark.parametrize("key", ["application", "Application", "team"])
def test_the_construct_adds_no_tags_to_those_of_the_user(stack, key):
    """IAM refuses two tag keys that differ in letter case only."""
    StacheVectorStore(stack, "Store", create_encryption_key=True)
    Tags.of(stack).add(key, "billing")

    for resource in synthesize(stack).resources.values():
        assert resource["Properties"]["Tags"] == [{"Key": key, "Value": "billing"}]


@pytest.mark.parametrize(
    "language, search",
    [
        ("standard", {"MetadataKey": "text"}),
        ("de", {"MetadataKey": "text", "Language": "de"}),
    ],
)
def test_chosen_text_search_is_declared_on_each_index(stack, language, search):
    """The index keeps its non-filterable keys."""
    StacheVectorStore(stack, "Store", text_search=language)

    for index in synthesize(stack).list_properties("AWS::S3Vectors::Index").values():
        assert index["MetadataConfiguration"] == {
            "NonFilterableMetadataKeys": ["text", "_overflow"],
            "TextSearchConfigurations": [search],
        }


def test_by_default_no_index_has_text_search(stack):
    """It has not run on AWS, so users must opt in."""
    StacheVectorStore(stack, "Store")

    for index in synthesize(stack).list_properties("AWS::S3Vectors::Index").values():
        assert index["MetadataConfiguration"].keys() == {"NonFilterableMetadataKeys"}


READER = "arn:aws:iam::111122223333:role/search"
WRITER = "arn:aws:iam::444455556666:root"


def test_the_bucket_policy_gives_other_accounts_access(stack):
    """It allows exactly the two levels on these indexes; the created key's policy matches it."""
    StacheVectorStore(
        stack, "Store", create_encryption_key=True, readers=[READER], writers=[WRITER]
    )

    deployed = synthesize(stack)

    [policy] = deployed.list_properties("AWS::S3Vectors::VectorBucketPolicy").values()
    assert policy == {
        "VectorBucketName": BUCKET,
        "Policy": build_bucket_policy(ARN, NAMES, [READER], [WRITER]),
    }
    [key] = deployed.list_properties("AWS::KMS::Key").values()
    expected = build_key_statement([READER, WRITER], "s3vectors.us-east-1.amazonaws.com")
    assert stores.normalize_statement(
        key["KeyPolicy"]["Statement"][-1]
    ) == stores.normalize_statement(expected)


def test_the_bucket_policy_depends_on_the_bucket(stack):
    """CloudFormation does not derive this from the bucket's name."""
    StacheVectorStore(stack, "Store", readers=[READER])

    deployed = synthesize(stack)

    [bucket] = deployed.list_properties("AWS::S3Vectors::VectorBucket")
    [policy] = deployed.list_properties("AWS::S3Vectors::VectorBucketPolicy")
    assert deployed.resources[policy]["DependsOn"] == [bucket]


def test_each_index_depends_on_its_bucket(stack):
    """CloudFormation does not derive this from the bucket's name."""
    StacheVectorStore(stack, "Store")

    deployed = synthesize(stack)
    [bucket] = deployed.list_properties("AWS::S3Vectors::VectorBucket")
    for name in deployed.list_properties("AWS::S3Vectors::Index"):
        assert deployed.resources[name]["DependsOn"] == [bucket]


def test_the_environment_has_the_dimension_of_the_documents(stack):
    """Other indexes may have other dimensions."""
    store = StacheVectorStore(
        stack,
        "Store",
        indexes={
            "notes": VectorIndexOptions(dimension=8),
            "insights": VectorIndexOptions(dimension=32),
            "documents": VectorIndexOptions(dimension=32),
        },
    )

    assert store.environment["EMBEDDING_DIMENSION"] == "32"
    assert "S3VECTORS_SUMMARIES_INDEX" not in store.environment


def test_a_stack_can_have_two_stores(stack):
    """Each has its own bucket."""
    for prefix in ("one", "two"):
        StacheVectorStore(stack, prefix, prefix=prefix).managed_policy("read")

    names = {
        each["VectorBucketName"] for each in synthesize(stack).list_properties(BUCKET_TYPE).values()
    }
    assert names == {"one-vectors-123456789012", "two-vectors-123456789012"}


def test_a_created_key_may_only_be_used_for_this_bucket(stack):
    """It rotates. Its policy names the indexing service, for this account and bucket."""
    StacheVectorStore(stack, "Store", create_encryption_key=True)

    [key] = synthesize(stack, region="cn-north-1").list_properties("AWS::KMS::Key").values()

    arn = ARN.replace("aws:", "aws-cn:").replace("us-east-1", "cn-north-1")
    root, indexing = key["KeyPolicy"]["Statement"]
    assert key["EnableKeyRotation"] is True
    assert root["Principal"] == {"AWS": "arn:aws-cn:iam::123456789012:root"}
    assert indexing == {
        "Sid": "AllowIndexing",
        "Effect": "Allow",
        "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": [arn, f"{arn}/*"]},
        },
    }


def test_data_of_an_earlier_stack_is_reused(stack):
    """Existing resources are not created; the permissions are the same."""
    existing = VectorIndexOptions(existing=True)
    store = StacheVectorStore(
        stack,
        "Store",
        bucket_name="stache-vectors-123456789012",
        existing_bucket=True,
        indexes={"documents": existing, "summaries": existing, "insights": VectorIndexOptions()},
    )
    for level in LEVELS:
        store.managed_policy(level)

    deployed = stores.parse_stack(synthesize(stack))

    assert deployed.bucket is None
    assert list(deployed.indexes) == ["insights-1024"]
    assert deployed.policies == stores.build_expected_policies(ARN, NAMES)


def test_cloudformation_parameters_are_accepted(stack):
    """At synth time they are tokens, which are not checked."""
    prefix = CfnParameter(stack, "Prefix", default="mine").value_as_string
    dimension = CfnParameter(stack, "Dimension", type="Number", default=8).value_as_number
    store = StacheVectorStore(stack, "Store", prefix=prefix, dimension=dimension)
    store.connect(make_function(stack))

    deployed = synthesize(stack, {"Prefix": "yours", "Dimension": 16})

    store = stores.parse_stack(deployed)
    [properties] = deployed.list_properties("AWS::Lambda::Function").values()
    assert store.bucket == "yours-vectors-123456789012"
    assert store.indexes["documents-16"].dimension == 16
    assert str(properties["Environment"]["Variables"]["EMBEDDING_DIMENSION"]) == "16"


def test_the_construct_loads_neither_boto_nor_stache():
    """Synthesis needs only the constants that it shares with the provider."""
    code = (
        "import sys, stache_ai_s3vectors_cdk; "
        "print([name for name in ('boto3', 'botocore', 'stache_ai') if name in sys.modules])"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
