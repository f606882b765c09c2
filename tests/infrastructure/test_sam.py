"""The SAM template creates the store, with the permissions of permissions.py."""

from __future__ import annotations

import json
import re

import pytest

from stache_ai_s3vectors.service.arns import (
    BUCKET_ARN,
    INDEX_ARN,
    format_via_service,
    get_partition,
)
from stache_ai_s3vectors.service.permissions import (
    LEVELS,
    build_bucket_policy,
    build_key_statement,
    build_policy,
)
from support.deployment import sam
from support.deployment.cloudformation import ACCOUNT, resolve_template
from support.permissions.authorization import find_mistakes

REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1")
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = "arn:aws:iam::999999999999:role/team/search"
ROOT = "arn:aws:iam::888888888888:root"
USER = "arn:aws:iam::777777777777:user/ann"
EXISTING = {"ExistingBucket": "true", "BucketName": "my-bucket"}
VARIANTS = {
    "by default": {},
    "with a created key": {"CreateKmsKey": "true"},
    "with a given key": {"KmsKeyArn": KEY},
    "with another dimension": {"Dimension": "512"},
    "with custom names": {"BucketName": "my-bucket", "SummariesIndex": "my.summaries"},
    "in an existing bucket": EXISTING,
    "with existing indexes": {**EXISTING, "ExistingIndexes": "true", "KmsKeyArn": KEY},
}
SHARED = {
    "with one reader": ([ROLE], []),
    "with one writer": ([], [ROOT]),
    "with several of both": ([ROLE, ROOT], [USER, ROLE]),
}
RETAINED = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::S3Vectors::Index",
    "AWS::S3Vectors::VectorBucket",
}


def transform_template():
    return sam.transform_template(sam.TEMPLATE.read_text())


def resolve_store(region="us-east-1", **parameters):
    """Resolve the template without the function."""
    values = {"DeployFunction": "false", **parameters}
    return resolve_template(transform_template().transformed, values, region=region)


def build_expected_policy(level, stack):
    """Build the level's policy with permissions.py, from the stack's bucket, indexes and key."""
    outputs = stack.values()
    names = [outputs[f"{kind}IndexName"] for kind in ("Documents", "Summaries", "Insights")]
    return build_policy(
        level, outputs["BucketArn"], names, [outputs["KeyArn"]] if "KeyArn" in outputs else []
    )


def get_policies(stack):
    """Return the documents of the managed policies, by level."""
    properties = stack.list_properties("AWS::IAM::ManagedPolicy").values()
    return {each["Description"].partition(": ")[2]: each["PolicyDocument"] for each in properties}


def list_statements(stack):
    return [one for document in get_policies(stack).values() for one in document["Statement"]]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_managed_policies_equal_those_of_permissions(region, variant):
    """Each level's managed policy equals that of permissions.py, in every partition."""
    stack = resolve_store(region, **VARIANTS[variant])

    assert {level: build_expected_policy(level, stack) for level in LEVELS} == get_policies(stack)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_statement_grants_something(variant):
    """AWS authorizes each action on its resources, and each resource has AWS's ARN format."""
    stack = resolve_store("cn-north-1", **VARIANTS[variant])
    named = [arn for one in list_statements(stack) for arn in one["Resource"]]

    assert [mistake for one in list_statements(stack) for mistake in find_mistakes(one)] == []
    assert [
        arn
        for arn in named
        if ":s3vectors:" in arn and not (BUCKET_ARN.fullmatch(arn) or INDEX_ARN.fullmatch(arn))
    ] == []
    assert [one for one in list_statements(stack) if "*" in str(one)] == []


@pytest.mark.parametrize(
    "right, wrong, message",
    [
        (":bucket/${Bucket}/", ":vector-bucket/${Bucket}/", "vector-bucket"),
        ("s3vectors:PutVectors", "s3vectors:PutVector", "PutVector on"),
        ("s3vectors:GetIndex", "s3vectors:ListIndexes", "ListIndexes on .*/index/"),
        ("s3vectors:ListIndexes", "s3vectors:QueryVectors", "QueryVectors on .*-123456789012$"),
    ],
)
def test_a_wrong_statement_is_detected(right, wrong, message):
    """The check detects an ARN or an action from older documents."""
    text = sam.TEMPLATE.read_text().replace(right, wrong)

    stack = resolve_template(sam.transform_template(text).transformed, {"DeployFunction": "false"})

    mistakes = [mistake for one in list_statements(stack) for mistake in find_mistakes(one)]
    assert any(re.search(message, mistake) for mistake in mistakes)


@pytest.mark.parametrize("region", REGIONS)
def test_the_bucket_has_its_name_and_encryption(region):
    """The name has the prefix and the account; S3's own keys encrypt it."""
    [bucket] = resolve_store(region).list_properties("AWS::S3Vectors::VectorBucket").values()

    assert {
        "VectorBucketName": f"stache-vectors-{ACCOUNT}",
        "EncryptionConfiguration": {"SseType": "AES256"},
    } == bucket


@pytest.mark.parametrize(
    "parameter, default",
    [
        ("BucketName", f"stache-vectors-{ACCOUNT}"),
        ("DocumentsIndex", "documents-1024"),
        ("SummariesIndex", "summaries-1024"),
        ("InsightsIndex", "insights-1024"),
    ],
)
def test_a_custom_name_is_used_everywhere(parameter, default):
    """Resources, policies, outputs and the function's environment use it."""
    default_stack = resolve_template(transform_template().transformed)
    custom_stack = resolve_template(transform_template().transformed, {parameter: "my-own"})

    def to_text(stack):
        return json.dumps([stack.resources, stack.outputs])

    assert to_text(custom_stack) == to_text(default_stack).replace(default, "my-own")


def test_the_prefix_is_part_of_the_bucket_s_name():
    assert resolve_store(Prefix="team-a").values()["BucketName"] == f"team-a-vectors-{ACCOUNT}"


@pytest.mark.parametrize("kind", ["documents", "summaries", "insights"])
@pytest.mark.parametrize("bucket", [{}, EXISTING], ids=["in a new bucket", "in an existing bucket"])
def test_an_index_has_its_name_and_configuration(kind, bucket):
    """Its name includes its dimension. Keys that Stache does not filter on are non-filterable."""
    stack = resolve_store(**bucket)

    assert {
        "IndexName": f"{kind}-1024",
        "VectorBucketName": stack.values()["BucketName"],
        "DataType": "float32",
        "Dimension": "1024",
        "DistanceMetric": "cosine",
        "MetadataConfiguration": {"NonFilterableMetadataKeys": ["text", "_overflow"]},
    } == stack.resources[f"{kind.title()}VectorIndex"]["Properties"]


def test_the_indexes_follow_the_parameters():
    """Dimension, metric and additional non-filterable keys are parameters."""
    stack = resolve_store(
        Dimension="4096", DistanceMetric="euclidean", NonFilterableKeys="a,b,c,d,e,f,g,h"
    )

    indexes = list(stack.list_properties("AWS::S3Vectors::Index").values())
    names = {index["IndexName"] for index in indexes}
    assert names == {"documents-4096", "summaries-4096", "insights-4096"}
    for index in indexes:
        assert (index["Dimension"], index["DistanceMetric"]) == ("4096", "euclidean")
        keys = index["MetadataConfiguration"]["NonFilterableMetadataKeys"]
        assert keys == ["text", "_overflow", *"abcdefgh"]


def test_resources_in_a_new_bucket_depend_on_it():
    """They reference the bucket for its name, so CloudFormation creates it first."""
    resources = transform_template().transformed["Resources"]

    dependents = [
        name
        for name, resource in resources.items()
        if "VectorBucketName" in resource["Properties"] and name != "VectorBucket"
    ]
    assert len(dependents) == 4
    for name in dependents:
        condition, new_name, _ = resources[name]["Properties"]["VectorBucketName"]["Fn::If"]
        assert condition == "NewBucket"
        assert new_name["Fn::Select"][1]["Fn::Split"][1] == {"Ref": "VectorBucket"}


def test_existing_resources_are_not_created():
    """An existing bucket and its indexes are used."""
    new_indexes, no_new_resources = (
        resolve_store(**EXISTING),
        resolve_store(**EXISTING, ExistingIndexes="true"),
    )

    assert new_indexes.list_properties("AWS::S3Vectors::VectorBucket") == {}
    assert len(new_indexes.list_properties("AWS::S3Vectors::Index")) == 3
    assert {"AWS::IAM::ManagedPolicy"} == {
        each["Type"] for each in no_new_resources.resources.values()
    }
    assert resolve_store(BucketName="my-bucket").values() == no_new_resources.values()


@pytest.mark.parametrize("parameters", [{"KmsKeyArn": KEY}, {"CreateKmsKey": "true"}])
def test_a_customer_key_encrypts_the_bucket(parameters):
    """The key is the given or the created one."""
    stack = resolve_store(**parameters)

    [bucket] = stack.list_properties("AWS::S3Vectors::VectorBucket").values()
    key = {"SseType": "aws:kms", "KmsKeyArn": stack.values()["KeyArn"]}
    assert key == bucket["EncryptionConfiguration"]
    assert bool(stack.list_properties("AWS::KMS::Key")) is ("CreateKmsKey" in parameters)


@pytest.mark.parametrize("region", REGIONS)
def test_the_created_key_may_only_be_used_for_this_bucket(region):
    """It rotates. Only the account and this bucket's indexing may use it."""
    stack = resolve_store(region, CreateKmsKey="true")

    [key] = stack.list_properties("AWS::KMS::Key").values()
    account, indexing = key["KeyPolicy"]["Statement"]  # no other statement
    arn = stack.values()["BucketArn"]
    assert key["EnableKeyRotation"] is True
    assert {"AWS": f"arn:{get_partition(region)}:iam::{ACCOUNT}:root"} == account["Principal"]
    assert {
        "Sid": "AllowIndexing",
        "Effect": "Allow",
        "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": [arn, f"{arn}/*"]},
        },
    } == indexing


@pytest.mark.parametrize("readers, writers", SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_bucket_policy_equals_that_of_permissions(variant, readers, writers):
    """The policy is for the stack's bucket, new or existing, and for the stack's indexes."""
    stack = resolve_store(**VARIANTS[variant], **to_parameters(readers, writers))

    values = stack.values()
    names = [values[f"{kind}IndexName"] for kind in ("Documents", "Summaries", "Insights")]
    [policy] = stack.list_properties("AWS::S3Vectors::VectorBucketPolicy").values()
    assert policy == {
        "VectorBucketName": values["BucketName"],
        "Policy": build_bucket_policy(values["BucketArn"], names, readers, writers),
    }
    assert [
        mistake for one in policy["Policy"]["Statement"] for mistake in find_mistakes(one)
    ] == []


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("readers, writers", SHARED.values(), ids=SHARED)
def test_the_key_of_a_shared_bucket_allows_the_other_accounts(region, readers, writers):
    """Readers and writers may use it, only through S3 Vectors."""
    stack = resolve_store(region, CreateKmsKey="true", **to_parameters(readers, writers))

    [key] = stack.list_properties("AWS::KMS::Key").values()
    [*_, others] = key["KeyPolicy"]["Statement"]
    assert len(key["KeyPolicy"]["Statement"]) == 3
    assert others == build_key_statement(
        [*readers, *writers], format_via_service(get_partition(region), region)
    )


def to_parameters(readers, writers):
    return {"Readers": ",".join(readers), "Writers": ",".join(writers)}


def test_a_store_without_sharing_has_no_bucket_policy():
    """So an existing bucket keeps its own policy."""
    assert not resolve_store().list_properties("AWS::S3Vectors::VectorBucketPolicy")
    assert not resolve_store(**EXISTING).list_properties("AWS::S3Vectors::VectorBucketPolicy")


@pytest.mark.parametrize(
    "chosen, configuration",
    [
        ("standard", {"MetadataKey": "text"}),
        ("de", {"MetadataKey": "text", "Language": "de"}),
    ],
)
def test_text_search_covers_the_text_of_every_index(chosen, configuration):
    indexes = resolve_store(TextSearch=chosen).list_properties("AWS::S3Vectors::Index").values()

    assert len(indexes) == 3
    for index in indexes:
        assert index["MetadataConfiguration"] == {
            "NonFilterableMetadataKeys": ["text", "_overflow"],
            "TextSearchConfigurations": [configuration],
        }


def test_resources_with_data_are_retained():
    """Their deletion policies are literals, not parameters."""
    resources = transform_template().source["Resources"].values()
    retained = [each for each in resources if each["Type"] in RETAINED]

    assert {"RetainExceptOnCreate"} == {each["DeletionPolicy"] for each in retained}
    assert {"Retain"} == {each["UpdateReplacePolicy"] for each in retained}
    assert {each["Type"] for each in retained} == RETAINED


def test_the_template_adds_no_tags():
    """A tag of ours could collide with a deployer's. The SAM transform adds its own."""
    stack = resolve_template(
        transform_template().transformed, {"CreateKmsKey": "true", "Readers": ROLE}
    )

    tags = [tag for each in stack.resources.values() for tag in each["Properties"].get("Tags", [])]
    assert tags == [{"Key": "lambda:createdBy", "Value": "SAM"}]


def test_managed_policies_have_no_fixed_name():
    """Fixed names of two stacks in one account would collide."""
    properties = resolve_store().list_properties("AWS::IAM::ManagedPolicy").values()

    assert [each for each in properties if "ManagedPolicyName" in each] == []


@pytest.mark.parametrize("region", REGIONS)
def test_outputs_are_exported_with_the_stack_s_name(region):
    """They include names, ARNs and the environment."""
    stack = resolve_store(region)
    arn = (
        f"arn:{get_partition(region)}:s3vectors:{region}:{ACCOUNT}:bucket/stache-vectors-{ACCOUNT}"
    )

    outputs = stack.values()
    assert arn == outputs["BucketArn"]
    assert f"{arn}/index/summaries-1024" == outputs["SummariesIndexArn"]
    assert "arn:" in outputs["ReadPolicyArn"]
    assert {name: f"stack-{name}" for name in outputs} == {
        name: output["Export"]["Name"] for name, output in stack.outputs.items()
    }


def test_the_environment_output_names_the_store():
    """It is ready for a function's settings, and names the region of the deployment."""
    environment = json.loads(resolve_store("eu-central-1", Dimension="512").values()["Environment"])

    assert {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": f"stache-vectors-{ACCOUNT}",
        "S3VECTORS_BUCKET": f"stache-vectors-{ACCOUNT}",
        "S3VECTORS_REGION": "eu-central-1",
        "S3VECTORS_DOCUMENTS_INDEX": "documents-512",
        "S3VECTORS_SUMMARIES_INDEX": "summaries-512",
        "S3VECTORS_INSIGHTS_INDEX": "insights-512",
        "EMBEDDING_DIMENSION": "512",
    } == environment


def test_the_longest_environment_fits_an_output():
    """An output has at most 1,024 characters."""
    kinds = ("DocumentsIndex", "SummariesIndex", "InsightsIndex")
    names = {kind: f"{kind[0].lower()}{'x' * 62}" for kind in kinds}

    outputs = resolve_store(
        "us-gov-west-1", BucketName="b" * 63, Dimension="4096", **names
    ).values()

    assert len(outputs["Environment"]) <= 1024
