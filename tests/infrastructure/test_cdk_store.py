"""The CDK construct, synthesized and resolved as CloudFormation would."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aws_cdk import App, CfnParameter, RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

import stores
from cloudformation import deployed
from stache_ai_s3vectors.permissions import LEVELS, policy
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = KEY.replace("1234abcd", "5678abcd")
NAMES = ["documents-1024", "summaries-1024", "insights-1024"]
BUCKET = "stache-vectors-123456789012"
ARN = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}"
BUCKET_TYPE = "AWS::S3Vectors::VectorBucket"
REGIONS = [("aws", "us-east-1"), ("aws", "eu-central-1"), ("aws-cn", "cn-north-1")]
REGIONS += [("aws-us-gov", "us-gov-west-1")]


@pytest.fixture
def stack():
    """An empty stack of no account and region in particular."""
    return Stack(App(), "Stack")


def made(stack, parameters=None, region="us-east-1"):
    """The stack as it would be deployed."""
    return deployed(Template.from_stack(stack).to_json(), parameters, region=region)


def own_key(stack, name="Key", arn=KEY):
    return kms.Key.from_key_arn(stack, name, arn)


def test_a_store_is_a_bucket_and_three_indexes(stack):
    """With the names, the size and the keys that Stache needs."""
    StacheVectorStore(stack, "Store")

    store = stores.from_stack(made(stack))

    index = stores.Index(1024, "cosine", frozenset({"text", "_overflow"}), None)
    assert (store.bucket, store.encryption) == (BUCKET, None)
    assert store.indexes == dict.fromkeys(NAMES, index)


def test_every_property_can_be_chosen(stack):
    """For all indexes, or for one."""
    StacheVectorStore(
        stack,
        "Store",
        prefix="mine",
        dimension=256,
        distance_metric="euclidean",
        encryption_key=own_key(stack),
        indexes={
            "documents": VectorIndexOptions(),
            "notes": VectorIndexOptions(
                name="my.notes",
                dimension=4096,
                distance_metric="cosine",
                non_filterable_metadata_keys=["source", "text"],
                encryption_key=own_key(stack, "OtherKey", OTHER_KEY),
            ),
        },
    )

    store = stores.from_stack(made(stack))

    ours = frozenset({"text", "_overflow"})
    assert (store.bucket, store.encryption) == ("mine-vectors-123456789012", KEY)
    assert store.indexes == {
        "documents-256": stores.Index(256, "euclidean", ours, None),
        "my.notes": stores.Index(4096, "cosine", ours | {"source"}, OTHER_KEY),
    }


@pytest.mark.parametrize(
    "removal, kept",
    [(None, ("RetainExceptOnCreate", "Retain")), (RemovalPolicy.DESTROY, ("Delete", "Delete"))],
)
def test_data_stays_unless_asked_otherwise(stack, removal, kept):
    """The key that it is encrypted with, too; but not what a first deployment leaves that fails."""
    how = {} if removal is None else {"removal_policy": removal}
    StacheVectorStore(stack, "Store", create_encryption_key=True, **how)

    resources = made(stack).resources.values()

    assert {resource["Type"] for resource in resources} == {
        "AWS::KMS::Key",
        "AWS::S3Vectors::VectorBucket",
        "AWS::S3Vectors::Index",
    }
    for resource in resources:
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == kept


@pytest.mark.parametrize("given, value", [({}, "stache"), ({"Application": "billing"}, "billing")])
def test_everything_is_tagged(stack, given, value):
    """Bucket, indexes, key; a tag of the stack wins over ours."""
    StacheVectorStore(stack, "Store", create_encryption_key=True)
    for name, text in given.items():
        Tags.of(stack).add(name, text)

    for resource in made(stack).resources.values():
        assert resource["Properties"]["Tags"] == [{"Key": "Application", "Value": value}]


def test_an_index_waits_for_its_bucket(stack):
    """They know of each other by a name only."""
    StacheVectorStore(stack, "Store")

    found = made(stack)
    [bucket] = found.of_type("AWS::S3Vectors::VectorBucket")
    for name in found.of_type("AWS::S3Vectors::Index"):
        assert found.resources[name]["DependsOn"] == [bucket]


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


def test_the_environment_tells_the_size_of_the_documents(stack):
    """Whatever the other indexes have."""
    store = StacheVectorStore(
        stack,
        "Store",
        indexes={
            "notes": VectorIndexOptions(dimension=8),
            "insights": VectorIndexOptions(dimension=16),
            "documents": VectorIndexOptions(dimension=32),
        },
    )

    assert store.environment["EMBEDDING_DIMENSION"] == "32"
    assert "S3VECTORS_SUMMARIES_INDEX" not in store.environment


def test_two_stores_share_a_stack(stack):
    """Each with a bucket of its own."""
    for prefix in ("one", "two"):
        StacheVectorStore(stack, prefix, prefix=prefix).managed_policy("read")

    names = {each["VectorBucketName"] for each in made(stack).of_type(BUCKET_TYPE).values()}
    assert names == {"one-vectors-123456789012", "two-vectors-123456789012"}


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


def function(stack):
    return lambda_.Function(
        stack,
        "Function",
        code=lambda_.Code.from_inline("pass"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )


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


def test_a_created_key_serves_this_bucket_only(stack):
    """Its policy names the indexing service, for this account and bucket; it rotates."""
    StacheVectorStore(stack, "Store", create_encryption_key=True)

    [key] = made(stack, region="cn-north-1").of_type("AWS::KMS::Key").values()

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


def test_what_an_earlier_stack_left_is_used_again(stack):
    """Given as existing, nothing is created, and the same is granted."""
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

    found = stores.from_stack(made(stack))

    assert found.bucket is None
    assert list(found.indexes) == ["insights-1024"]
    assert found.policies == stores.expected(ARN, NAMES)


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


def test_parameters_of_the_deployment_can_be_given(stack):
    """They are tokens at synth time, and are not checked then."""
    prefix = CfnParameter(stack, "Prefix", default="mine").value_as_string
    dimension = CfnParameter(stack, "Dimension", type="Number", default=8).value_as_number
    store = StacheVectorStore(stack, "Store", prefix=prefix, dimension=dimension)
    store.connect(function(stack))

    found = made(stack, {"Prefix": "yours", "Dimension": 16})

    store = stores.from_stack(found)
    [properties] = found.of_type("AWS::Lambda::Function").values()
    assert store.bucket == "yours-vectors-123456789012"
    assert store.indexes["documents-16"].dimension == 16
    assert str(properties["Environment"]["Variables"]["EMBEDDING_DIMENSION"]) == "16"


TEN = [f"key{number}" for number in range(9)]


@pytest.mark.parametrize(
    "props, problem",
    [
        ({"prefix": "Stache"}, "prefix is 'Stache'; it must be lower-case letters, digits and"),
        ({"prefix": "s" * 43}, "43 characters; .* leave 42 of the bucket's 63: shorten it"),
        ({"prefix": ""}, "prefix is ''"),
        ({"bucket_name": "my_bucket"}, "bucket_name is 'my_bucket'; it must be 3 to 63"),
        (
            {"existing_bucket": True, "bucket_name": "b-1", "create_encryption_key": True},
            "existing_bucket and create_encryption_key are both True, .*give the key that it has",
        ),
        ({"indexes": {"a": {"existing": True}}}, r"\['a'\].existing is True, but a new bucket has"),
        ({"dimension": True}, "dimension is True; it must be 1 to 4096"),
        ({"dimension": 10.5}, "dimension is 10.5; it must be 1 to 4096"),
        ({"dimension": "1024"}, "dimension is '1024'; it must be 1 to 4096"),
        ({"existing_bucket": True}, "existing_bucket is True and bucket_name is not given"),
        ({"dimension": 0}, "dimension is 0; it must be 1 to 4096"),
        ({"dimension": 4097}, "dimension is 4097; it must be 1 to 4096"),
        ({"distance_metric": "dot"}, "distance_metric is 'dot'; it must be one of cosine, eucl"),
        ({"indexes": {}}, "indexes is empty; leave it out for documents, summaries and insights"),
        ({"indexes": {"documents": {"name": "my_docs"}}}, r"\['documents'\].name is 'my_docs'"),
        ({"indexes": {"my_docs": {}}}, "name is 'my_docs-1024'; it must be 3 to 63 lower-case"),
        ({"indexes": {"a": {"dimension": 0}}}, r"indexes\['a'\].dimension is 0; it must be 1 to"),
        (
            {"indexes": {"a": {"non_filterable_metadata_keys": TEN}}},
            "makes 11 keys with text and _overflow; the service takes 10: leave 1 out",
        ),
        ({"indexes": {"a": {"non_filterable_metadata_keys": ["k" * 64]}}}, "64 characters; a key"),
        (
            {"indexes": {"a": {"name": "same"}, "b": {"name": "same"}}},
            r"indexes\['b'\] and indexes\['a'\] both have the name 'same'; give one",
        ),
    ],
)
def test_bad_input_is_refused_with_its_fix(stack, props, problem):
    """When it is synthesized, before anything is deployed."""
    if "indexes" in props:
        given = props["indexes"].items()
        props["indexes"] = {kind: VectorIndexOptions(**options) for kind, options in given}

    with pytest.raises(ValueError, match=problem):
        StacheVectorStore(stack, "Store", **props)


def test_an_alias_is_refused(stack):
    """The service takes a key's own ARN only."""
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/mine")

    with pytest.raises(ValueError, match="encryption_key is an alias, .*alias/mine.*from_key_arn"):
        StacheVectorStore(stack, "Store", encryption_key=alias)
    with pytest.raises(ValueError, match=r"indexes\['a'\].encryption_key is an alias"):
        StacheVectorStore(stack, "Other", indexes={"a": VectorIndexOptions(encryption_key=alias)})


def test_an_arn_is_no_key(stack):
    """But it is easily made one."""
    with pytest.raises(TypeError, match="give a key: kms.Key.from_key_arn"):
        StacheVectorStore(stack, "Store", encryption_key=KEY)


def test_a_key_is_given_or_created(stack):
    """Not both."""
    with pytest.raises(ValueError, match="leave one of them out"):
        StacheVectorStore(stack, "Store", encryption_key=own_key(stack), create_encryption_key=True)


def test_an_unknown_level_or_kind_is_refused(stack):
    """With those that there are."""
    store = StacheVectorStore(stack, "Store")

    connected = function(stack)
    with pytest.raises(ValueError, match="level is 'write'; it must be one of read, read-write,"):
        store.connect(connected, level="write")
    assert "Environment" not in made(stack).of_type("AWS::Lambda::Function")["Function76856677"]
    with pytest.raises(ValueError, match="level is 'admin'"):
        store.managed_policy("admin")
    with pytest.raises(ValueError, match="kind is 'docs'; it must be one of documents, summaries"):
        store.index_arn("docs")


def test_one_key_that_is_no_list_is_refused(stack):
    """Its letters would become keys."""
    options = VectorIndexOptions(non_filterable_metadata_keys="source")

    with pytest.raises(TypeError, match=r"is 'source'; it must be a list: \['source'\]"):
        StacheVectorStore(stack, "Store", indexes={"documents": options})


def test_the_construct_loads_neither_boto_nor_stache():
    """Synthesizing needs no more of us than the lists that it shares."""
    code = (
        "import sys, stache_ai_s3vectors_cdk; "
        "print([name for name in ('boto3', 'botocore', 'stache_ai') if name in sys.modules])"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
