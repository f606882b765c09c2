"""The CDK, SAM and Terraform create the same store, with the permissions of `permissions.py`."""

from __future__ import annotations

import json
from functools import cache

import pytest
from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from stache_ai_s3vectors.service.arns import BUCKET_ARN, INDEX_ARN
from stache_ai_s3vectors.service.permissions import LEVELS, build_bucket_policy
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from support.deployment import sam, stores, terraform
from support.deployment.cloudformation import resolve_template
from support.permissions import authorization

ACCOUNT = "123456789012"
PARTITIONS = {
    "us-east-1": "aws",
    "eu-central-1": "aws",
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KINDS = ("documents", "summaries", "insights")


@cache
def read_cdk(region, **properties):
    """Return the store and the environment that the CDK construct creates."""
    stack = Stack(App(), "Stack")
    key = kms.Key.from_key_arn(stack, "Key", properties["key"]) if "key" in properties else None
    existing = properties.get("existing", False)
    options = VectorIndexOptions(
        existing=existing, non_filterable_metadata_keys=properties.get("keys", ())
    )
    store = StacheVectorStore(
        stack,
        "Store",
        prefix=properties.get("prefix", "stache"),
        bucket_name=f"stache-vectors-{ACCOUNT}" if existing else None,
        existing_bucket=existing,
        dimension=properties.get("dimension", 1024),
        distance_metric=properties.get("metric", "cosine"),
        indexes=dict.fromkeys(KINDS, options),
        encryption_key=key,
        readers=properties.get("readers", ()),
        writers=properties.get("writers", ()),
    )
    for level in LEVELS:
        store.managed_policy(level)
    CfnOutput(stack, "Environment", value=stack.to_json_string(store.environment))
    deployed = resolve_template(Template.from_stack(stack).to_json(), region=region)
    return stores.parse_stack(deployed), json.loads(deployed.values()["Environment"])


@cache
def read_sam(region, **properties):
    """Return the store and the environment that the SAM template creates."""
    names = {"prefix": "Prefix", "dimension": "Dimension", "metric": "DistanceMetric"}
    parameters = {names[name]: properties[name] for name in names.keys() & properties.keys()}
    parameters |= {"KmsKeyArn": properties["key"]} if "key" in properties else {}
    parameters |= (
        {"NonFilterableKeys": ",".join(properties["keys"])} if "keys" in properties else {}
    )
    lists = {"readers": "Readers", "writers": "Writers"}
    parameters |= {
        lists[name]: ",".join(properties[name]) for name in lists.keys() & properties.keys()
    }
    parameters |= {"TextSearch": properties["text_search"]} if "text_search" in properties else {}
    if properties.get("existing"):
        parameters |= {"ExistingBucket": "true", "ExistingIndexes": "true"}
        parameters["BucketName"] = f"stache-vectors-{ACCOUNT}"
    template = sam.transform_template(sam.TEMPLATE.read_text()).transformed
    deployed = resolve_template(template, parameters, region=region)
    return stores.parse_stack(deployed), json.loads(deployed.values()["Environment"])


@cache
def plan_terraform(region, **properties):
    """Return the store and the environment that the Terraform module plans."""
    names = {"prefix": "prefix", "dimension": "dimension", "metric": "distance_metric"}
    variables = {names[name]: properties[name] for name in names.keys() & properties.keys()}
    variables |= {"kms_key_arn": properties["key"]} if "key" in properties else {}
    variables |= {
        name: list(properties[name]) for name in ("readers", "writers") if name in properties
    }
    index = {"non_filterable_metadata_keys": list(properties.get("keys", ()))}
    if properties.get("existing"):
        variables |= {"existing_bucket": True, "bucket_name": f"stache-vectors-{ACCOUNT}"}
        index = {"existing": True}
    if index != {"non_filterable_metadata_keys": []}:
        variables["indexes"] = dict.fromkeys(KINDS, index)
    plan = terraform.plan(variables, region=region)
    return stores.parse_plan(plan), plan["planned_values"]["outputs"]["environment"]["value"]


DIALECTS = pytest.mark.parametrize(
    "dialect", [read_cdk, read_sam, plan_terraform], ids=["cdk", "sam", "tf"]
)


def build_bucket_arn(region, bucket=f"stache-vectors-{ACCOUNT}"):
    return f"arn:{PARTITIONS[region]}:s3vectors:{region}:{ACCOUNT}:bucket/{bucket}"


@DIALECTS
@pytest.mark.parametrize("region", PARTITIONS)
def test_each_tool_creates_the_same_store_by_default(dialect, region):
    """It has the same names, properties, policies and environment."""
    store, environment = dialect(region)

    bucket = f"stache-vectors-{ACCOUNT}"
    names = [f"{kind}-1024" for kind in KINDS]
    index = stores.Index(1024, "cosine", frozenset({"text", "_overflow"}), None)
    assert store == stores.Store(
        bucket,
        None,
        dict.fromkeys(names, index),
        stores.build_expected_policies(build_bucket_arn(region), names),
    )
    assert environment == {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": bucket,
        "S3VECTORS_BUCKET": bucket,
        "S3VECTORS_REGION": region,
        **{f"S3VECTORS_{kind.upper()}_INDEX": f"{kind}-1024" for kind in KINDS},
        "EMBEDDING_DIMENSION": "1024",
    }


@DIALECTS
def test_each_tool_creates_the_same_store_with_options(dialect):
    """The options are prefix, dimension, metric, keys and encryption."""
    properties = {"prefix": "mine", "dimension": 256, "metric": "euclidean", "key": KEY}
    store, environment = dialect("us-east-1", **properties, keys=("source", "raw"))

    names = [f"{kind}-256" for kind in KINDS]
    keys = frozenset({"text", "_overflow", "source", "raw"})
    bucket = f"mine-vectors-{ACCOUNT}"
    assert store == stores.Store(
        bucket,
        KEY,
        dict.fromkeys(names, stores.Index(256, "euclidean", keys, None)),
        stores.build_expected_policies(build_bucket_arn("us-east-1", bucket), names, [KEY]),
    )
    assert environment["EMBEDDING_DIMENSION"] == "256"


@DIALECTS
def test_each_tool_uses_existing_resources_in_the_same_way(dialect):
    """Only policies are created."""
    store, environment = dialect("us-east-1", existing=True)

    names = [f"{kind}-1024" for kind in KINDS]
    assert store == stores.Store(
        None, None, {}, stores.build_expected_policies(build_bucket_arn("us-east-1"), names)
    )
    assert environment["S3VECTORS_DOCUMENTS_INDEX"] == "documents-1024"


READERS = ("arn:aws:iam::111122223333:role/search", "arn:aws:iam::444455556666:root")
WRITERS = ("arn:aws:iam::111122223333:role/ingest",)


def get_bucket_policy(dialect, region, **properties):
    """Return the bucket policy that a tool creates, whatever its resource is called."""
    store, _ = dialect(region, **properties)
    return store.bucket_policy


@DIALECTS
@pytest.mark.parametrize("properties", [{}, {"key": KEY}], ids=["no key", "key"])
def test_each_tool_gives_other_accounts_the_same_access(dialect, properties):
    """Their policy is that of `permissions.py`. Accounts that are not named get none."""
    indexes = [f"{kind}-1024" for kind in KINDS]
    expected = build_bucket_policy(build_bucket_arn("us-east-1"), indexes, READERS, WRITERS)

    assert get_bucket_policy(
        dialect, "us-east-1", readers=READERS, writers=WRITERS, **properties
    ) == [stores.normalize_statement(statement) for statement in expected["Statement"]]
    assert get_bucket_policy(dialect, "us-east-1", **properties) is None


@DIALECTS
@pytest.mark.parametrize("region", PARTITIONS)
def test_each_action_is_granted_on_a_resource_that_it_supports(dialect, region):
    """AWS's table says which. Each ARN is that of a bucket or an index, without wildcards."""
    store, _ = dialect(region)

    for statements in store.policies.values():
        for effect, actions, resources, _ in statements:
            assert effect == "Allow"
            assert authorization.find_mistakes({"Action": actions, "Resource": resources}) == []
            assert all(INDEX_ARN.fullmatch(arn) or BUCKET_ARN.fullmatch(arn) for arn in resources)


@pytest.mark.parametrize(
    "actions, resource",
    [
        (["s3vectors:GetVectors"], "arn:aws:s3vectors:us-east-1:123456789012:vector-bucket/b"),
        (["s3vectors:ListIndexes"], "arn:aws:s3vectors:us-east-1:123456789012:bucket/b/index/i"),
        (["s3vectors:GetVectors"], "arn:aws:s3vectors:us-east-1:123456789012:bucket/b"),
        (["s3vectors:ReadVectors"], "arn:aws:s3vectors:us-east-1:123456789012:bucket/b/index/i"),
    ],
)
def test_a_statement_from_older_documents_is_detected(actions, resource):
    """It has the wrong kind of ARN, the wrong resource, or an action that does not exist."""
    assert authorization.find_mistakes({"Action": actions, "Resource": [resource]})


def test_a_different_default_in_one_tool_is_detected(tmp_path):
    """The test changes one in the template and one in the module."""
    text = sam.TEMPLATE.read_text()
    other = text.replace("Default: cosine", "Default: euclidean")
    changed = stores.parse_stack(resolve_template(sam.transform_template(other).transformed))
    module = terraform.make_workspace(tmp_path)
    variables = module.folder / "variables.tf"
    variables.write_text(variables.read_text().replace("= 1024", "= 1536"))

    assert changed != read_cdk("us-east-1")[0]
    assert stores.parse_plan(module.plan()) != read_cdk("us-east-1")[0]


def get_indexing_statement(document):
    """Return what the key policy allows the indexing service."""
    [statement] = (each for each in document["Statement"] if "Service" in each["Principal"])
    return {name: statement[name] for name in ("Principal", "Action", "Condition")}


@pytest.mark.parametrize("region", PARTITIONS)
def test_each_tool_creates_the_same_key(region):
    """It rotates, and its policy names this bucket and account."""
    stack = Stack(App(), "Stack")
    StacheVectorStore(stack, "Store", create_encryption_key=True)
    by_cdk = resolve_template(Template.from_stack(stack).to_json(), region=region)
    template = sam.transform_template(sam.TEMPLATE.read_text()).transformed
    by_sam = resolve_template(template, {"CreateKmsKey": "true"}, region=region)
    plan = terraform.plan({"create_kms_key": True}, region=region)
    resources = plan["planned_values"]["root_module"]["resources"]
    planned = {each["type"]: each["values"] for each in resources}

    keys = [
        next(iter(deployed.list_properties("AWS::KMS::Key").values()))
        for deployed in (by_cdk, by_sam)
    ]
    arn = build_bucket_arn(region)
    expected = {
        "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": [arn, f"{arn}/*"]},
        },
    }
    assert [get_indexing_statement(key["KeyPolicy"]) for key in keys] == [expected, expected]
    assert get_indexing_statement(json.loads(planned["aws_kms_key_policy"]["policy"])) == expected
    assert all(key["EnableKeyRotation"] is True for key in keys)
    assert planned["aws_kms_key"]["enable_key_rotation"] is True
