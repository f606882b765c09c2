"""The CDK construct: whom it lets do what."""

from __future__ import annotations

import pytest
from aws_cdk import aws_iam as iam

import stores
from stache_ai_s3vectors.permissions import LEVELS, policy
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from stacks import ARN, BUCKET, KEY, NAMES, OTHER_KEY, function, made, own_key

REGIONS = [("aws", "us-east-1"), ("aws", "eu-central-1"), ("aws-cn", "cn-north-1")]
REGIONS += [("aws-us-gov", "us-gov-west-1")]


def test_managed_policies_name_every_key(stack):
    """The bucket's and the indexes' own, each once."""
    own = own_key(stack, "OtherKey", OTHER_KEY)
    store = StacheVectorStore(
        stack,
        "Store",
        encryption_key=own_key(stack),
        indexes={
            "documents": VectorIndexOptions(encryption_key=own),
            "summaries": VectorIndexOptions(encryption_key=own),
        },
    )
    store.managed_policy("read")

    found = stores.from_stack(made(stack)).policies["read"]

    assert found == stores.expected(ARN, NAMES[:2], [KEY, OTHER_KEY])["read"]


@pytest.mark.parametrize("partition, region", REGIONS)
@pytest.mark.parametrize("key", [False, True], ids=["no key", "key"])
def test_the_managed_policies_are_those_of_permissions(stack, partition, region, key):
    """Every ARN, in every partition."""
    store = StacheVectorStore(stack, "Store", create_encryption_key=key)
    for level in LEVELS:
        store.managed_policy(level)

    found = stores.from_stack(made(stack, region=region))

    arn = f"arn:{partition}:s3vectors:{region}:123456789012:bucket/{BUCKET}"
    keys = [found.encryption] if key else []
    assert all(k.startswith(f"arn:{partition}:kms:{region}:123456789012:key/") for k in keys)
    assert found.policies == stores.expected(arn, NAMES, keys)


@pytest.mark.parametrize("level", LEVELS)
def test_a_grant_is_exactly_its_level(stack, level):
    """On the role's own policy, and on each key that is used."""
    store = StacheVectorStore(
        stack,
        "Store",
        encryption_key=own_key(stack),
        indexes={
            "documents": VectorIndexOptions(encryption_key=own_key(stack, "K2", OTHER_KEY)),
            "summaries": VectorIndexOptions(),
        },
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    grants = {
        "read": store.grant_read,
        "read-write": store.grant_read_write,
        "manage-indexes": store.grant_manage_indexes,
    }

    grants[level](role).assert_success()

    [found] = made(stack).of_type("AWS::IAM::Policy").values()
    wanted = policy(level, ARN, NAMES[:2], [KEY])
    for_other = {**wanted["Statement"][-1], "Resource": OTHER_KEY}
    wanted["Statement"].append(for_other)
    assert stores.statements(found["PolicyDocument"]) == stores.statements(wanted)


def test_a_connected_function_can_run_stache(stack):
    """It gets the environment, and read-write unless another level is asked for."""
    store = StacheVectorStore(stack, "Store")

    store.connect(function(stack))

    found = made(stack)
    [properties] = found.of_type("AWS::Lambda::Function").values()
    assert properties["Environment"]["Variables"] == {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": BUCKET,
        "S3VECTORS_BUCKET": BUCKET,
        "S3VECTORS_REGION": "us-east-1",
        "S3VECTORS_DOCUMENTS_INDEX": "documents-1024",
        "S3VECTORS_SUMMARIES_INDEX": "summaries-1024",
        "S3VECTORS_INSIGHTS_INDEX": "insights-1024",
        "EMBEDDING_DIMENSION": "1024",
    }
    [granted] = found.of_type("AWS::IAM::Policy").values()
    assert stores.statements(granted["PolicyDocument"]) == stores.expected(ARN, NAMES)["read-write"]


def test_an_imported_store_creates_nothing_and_grants_the_same(stack):
    """Of another stack, by its attributes."""
    store = StacheVectorStore.from_store_attributes(
        stack,
        "Store",
        bucket_name="my-bucket",
        index_names={"documents": "docs"},
        dimension=384,
        encryption_key=own_key(stack),
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    store.grant_read(role)

    found = made(stack)
    [granted] = found.of_type("AWS::IAM::Policy").values()
    arn = ARN.replace(BUCKET, "my-bucket")
    assert {resource["Type"] for resource in found.resources.values()} == {
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
    }
    wanted = stores.expected(arn, ["docs"], [KEY])["read"]
    assert stores.statements(granted["PolicyDocument"]) == wanted
    assert stack.resolve(store.environment)["S3VECTORS_DOCUMENTS_INDEX"] == "docs"
    assert store.environment["EMBEDDING_DIMENSION"] == "384"
