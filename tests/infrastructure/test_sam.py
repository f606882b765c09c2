"""The SAM template makes the store, and its permissions are those of permissions.py."""

from __future__ import annotations

import json
import re

import pytest

import sam
from authorization import find_mistakes
from cloudformation import ACCOUNT, resolve_template
from stache_ai_s3vectors.service.arns import (
    BUCKET_ARN,
    INDEX_ARN,
    format_service_host,
    get_partition,
)
from stache_ai_s3vectors.service.permissions import (
    LEVELS,
    build_bucket_policy,
    build_key_statement,
    build_policy,
)

REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1")
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = "arn:aws:iam::999999999999:role/team/search"
ROOT = "arn:aws:iam::888888888888:root"
USER = "arn:aws:iam::777777777777:user/ann"
EXISTING = {"ExistingBucket": "true", "BucketName": "my-bucket"}
VARIANTS = {
    "by default": {},
    "with a key of its own": {"CreateKmsKey": "true"},
    "with a key": {"KmsKeyArn": KEY},
    "of another size": {"Dimension": "512"},
    "of own names": {"BucketName": "my-bucket", "SummariesIndex": "my.summaries"},
    "in a bucket that is there": EXISTING,
    "all of it there": {**EXISTING, "ExistingIndexes": "true", "KmsKeyArn": KEY},
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


def template():
    return sam.transform_template(sam.TEMPLATE.read_text())


def store(region="us-east-1", **parameters):
    """The store alone."""
    values = {"DeployFunction": "false", **parameters}
    return resolve_template(template().transformed, values, region=region)


def expected_policy(level, stack):
    """What permissions.py makes of the stack's bucket, indexes and key."""
    outputs = stack.values()
    names = [outputs[f"{kind}IndexName"] for kind in ("Documents", "Summaries", "Insights")]
    return build_policy(
        level, outputs["BucketArn"], names, [outputs["KeyArn"]] if "KeyArn" in outputs else []
    )


def policies(stack):
    """The managed policies' documents, by level."""
    properties = stack.list_properties("AWS::IAM::ManagedPolicy").values()
    return {each["Description"].partition(": ")[2]: each["PolicyDocument"] for each in properties}


def statements(stack):
    return [one for document in policies(stack).values() for one in document["Statement"]]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_policies_are_those_of_permissions(region, variant):
    """Each level's managed policy says what permissions.py says, in every partition."""
    stack = store(region, **VARIANTS[variant])

    assert {level: expected_policy(level, stack) for level in LEVELS} == policies(stack)


@pytest.mark.parametrize("variant", VARIANTS)
def test_statements_are_ones_that_aws_grants(variant):
    """Each action is authorized on its resources, and each resource is an ARN as AWS writes it."""
    stack = store("cn-north-1", **VARIANTS[variant])
    named = [arn for one in statements(stack) for arn in one["Resource"]]

    assert [mistake for one in statements(stack) for mistake in find_mistakes(one)] == []
    assert [
        arn
        for arn in named
        if ":s3vectors:" in arn and not (BUCKET_ARN.fullmatch(arn) or INDEX_ARN.fullmatch(arn))
    ] == []
    assert [one for one in statements(stack) if "*" in str(one)] == []


@pytest.mark.parametrize(
    "right, wrong, message",
    [
        (":bucket/${Bucket}/", ":vector-bucket/${Bucket}/", "vector-bucket"),
        ("s3vectors:PutVectors", "s3vectors:PutVector", "PutVector on"),
        ("s3vectors:GetIndex", "s3vectors:ListIndexes", "ListIndexes on .*/index/"),
        ("s3vectors:ListIndexes", "s3vectors:QueryVectors", "QueryVectors on .*-123456789012$"),
    ],
)
def test_a_wrong_statement_is_seen(right, wrong, message):
    """An ARN or an action as older documents have it does not pass for one that AWS grants."""
    text = sam.TEMPLATE.read_text().replace(right, wrong)

    stack = resolve_template(sam.transform_template(text).transformed, {"DeployFunction": "false"})

    mistakes = [mistake for one in statements(stack) for mistake in find_mistakes(one)]
    assert any(re.search(message, mistake) for mistake in mistakes)


@pytest.mark.parametrize("region", REGIONS)
def test_the_bucket(region):
    """It is called after prefix and account, and S3's own keys encrypt it."""
    [bucket] = store(region).list_properties("AWS::S3Vectors::VectorBucket").values()

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
def test_an_own_name_is_used_everywhere(parameter, default):
    """In resources, policies, outputs and the function's environment."""
    usual = resolve_template(template().transformed)
    named = resolve_template(template().transformed, {parameter: "my-own"})

    def text(stack):
        return json.dumps([stack.resources, stack.outputs])

    assert text(named) == text(usual).replace(default, "my-own")


def test_the_prefix():
    """The bucket is called after it."""
    assert store(Prefix="team-a").values()["BucketName"] == f"team-a-vectors-{ACCOUNT}"


@pytest.mark.parametrize("kind", ["documents", "summaries", "insights"])
@pytest.mark.parametrize("bucket", [{}, EXISTING], ids=["in its bucket", "in another"])
def test_an_index(kind, bucket):
    """Its name carries its dimension, and what Stache doesn't filter on is not filterable."""
    stack = store(**bucket)

    assert {
        "IndexName": f"{kind}-1024",
        "VectorBucketName": stack.values()["BucketName"],
        "DataType": "float32",
        "Dimension": "1024",
        "DistanceMetric": "cosine",
        "MetadataConfiguration": {"NonFilterableMetadataKeys": ["text", "_overflow"]},
    } == stack.resources[f"{kind.title()}VectorIndex"]["Properties"]


def test_indexes_of_another_kind():
    """Dimension, metric and more keys that are not filtered on are parameters."""
    stack = store(Dimension="4096", DistanceMetric="euclidean", NonFilterableKeys="a,b,c,d,e,f,g,h")

    indexes = list(stack.list_properties("AWS::S3Vectors::Index").values())
    names = {index["IndexName"] for index in indexes}
    assert names == {"documents-4096", "summaries-4096", "insights-4096"}
    for index in indexes:
        assert (index["Dimension"], index["DistanceMetric"]) == ("4096", "euclidean")
        keys = index["MetadataConfiguration"]["NonFilterableMetadataKeys"]
        assert keys == ["text", "_overflow", *"abcdefgh"]


def test_what_is_in_a_new_bucket_waits_for_it():
    """Each takes its bucket's name from the bucket, so CloudFormation makes that first."""
    resources = template().transformed["Resources"]

    waiting = [
        name
        for name, resource in resources.items()
        if "VectorBucketName" in resource["Properties"] and name != "VectorBucket"
    ]
    assert len(waiting) == 4
    for name in waiting:
        condition, new_name, _ = resources[name]["Properties"]["VectorBucketName"]["Fn::If"]
        assert condition == "NewBucket"
        assert new_name["Fn::Select"][1]["Fn::Split"][1] == {"Ref": "VectorBucket"}


def test_existing_resources_are_not_created():
    """A bucket and indexes that are there already are used."""
    in_bucket, all_there = store(**EXISTING), store(**EXISTING, ExistingIndexes="true")

    assert in_bucket.list_properties("AWS::S3Vectors::VectorBucket") == {}
    assert len(in_bucket.list_properties("AWS::S3Vectors::Index")) == 3
    assert {"AWS::IAM::ManagedPolicy"} == {each["Type"] for each in all_there.resources.values()}
    assert store(BucketName="my-bucket").values() == all_there.values()


@pytest.mark.parametrize("parameters", [{"KmsKeyArn": KEY}, {"CreateKmsKey": "true"}])
def test_a_customer_key_encrypts_the_bucket(parameters):
    """The key that is given, or the one that is made."""
    stack = store(**parameters)

    [bucket] = stack.list_properties("AWS::S3Vectors::VectorBucket").values()
    key = {"SseType": "aws:kms", "KmsKeyArn": stack.values()["KeyArn"]}
    assert key == bucket["EncryptionConfiguration"]
    assert bool(stack.list_properties("AWS::KMS::Key")) is ("CreateKmsKey" in parameters)


@pytest.mark.parametrize("region", REGIONS)
def test_the_key_lets_s3_vectors_use_it_for_this_bucket(region):
    """It rotates; beside the account, only the indexing of this bucket may use it."""
    stack = store(region, CreateKmsKey="true")

    [key] = stack.list_properties("AWS::KMS::Key").values()
    account, indexing = key["KeyPolicy"]["Statement"]  # and nobody else
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
def test_the_bucket_s_policy_is_that_of_permissions(variant, readers, writers):
    """On the bucket of the stack, whether it is new or not, and for the indexes of the stack."""
    stack = store(**VARIANTS[variant], **sharing(readers, writers))

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
def test_the_key_of_a_shared_bucket_lets_the_other_accounts_use_it(region, readers, writers):
    """Readers and writers, through S3 Vectors only."""
    stack = store(region, CreateKmsKey="true", **sharing(readers, writers))

    [key] = stack.list_properties("AWS::KMS::Key").values()
    [*_, others] = key["KeyPolicy"]["Statement"]
    assert len(key["KeyPolicy"]["Statement"]) == 3
    assert others == build_key_statement(
        [*readers, *writers], format_service_host(get_partition(region), region)
    )


def sharing(readers, writers):
    return {"Readers": ",".join(readers), "Writers": ",".join(writers)}


def test_a_bucket_that_is_not_shared_has_no_policy():
    """One that is there keeps its own."""
    assert not store().list_properties("AWS::S3Vectors::VectorBucketPolicy")
    assert not store(**EXISTING).list_properties("AWS::S3Vectors::VectorBucketPolicy")


@pytest.mark.parametrize(
    "chosen, configuration",
    [
        ("standard", {"MetadataKey": "text"}),
        ("de", {"MetadataKey": "text", "Language": "de"}),
    ],
)
def test_text_search(chosen, configuration):
    """In the chunks' text, in every index."""
    indexes = store(TextSearch=chosen).list_properties("AWS::S3Vectors::Index").values()

    assert len(indexes) == 3
    for index in indexes:
        assert index["MetadataConfiguration"] == {
            "NonFilterableMetadataKeys": ["text", "_overflow"],
            "TextSearchConfigurations": [configuration],
        }


def test_data_stays():
    """Whatever holds data is retained, by a literal word and not by a parameter."""
    resources = template().source["Resources"].values()
    retained = [each for each in resources if each["Type"] in RETAINED]

    assert {"RetainExceptOnCreate"} == {each["DeletionPolicy"] for each in retained}
    assert {"Retain"} == {each["UpdateReplacePolicy"] for each in retained}
    assert {each["Type"] for each in retained} == RETAINED


def test_no_tag_is_ours():
    """Tags are the deployer's: one of ours could collide with them; the transform adds its own."""
    stack = resolve_template(template().transformed, {"CreateKmsKey": "true", "Readers": ROLE})

    tags = [tag for each in stack.resources.values() for tag in each["Properties"].get("Tags", [])]
    assert tags == [{"Key": "lambda:createdBy", "Value": "SAM"}]


def test_no_policy_has_a_name():
    """Two stacks of one account don't get in each other's way."""
    properties = store().list_properties("AWS::IAM::ManagedPolicy").values()

    assert [each for each in properties if "ManagedPolicyName" in each] == []


@pytest.mark.parametrize("region", REGIONS)
def test_the_outputs(region):
    """Names, ARNs and the environment, exported under the stack's name."""
    stack = store(region)
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


def test_the_environment():
    """It is the store's, in the region of the deployment, ready for a function's settings."""
    environment = json.loads(store("eu-central-1", Dimension="512").values()["Environment"])

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


def test_the_longest_environment_is_an_output():
    """CloudFormation takes 1,024 characters."""
    kinds = ("DocumentsIndex", "SummariesIndex", "InsightsIndex")
    names = {kind: f"{kind[0].lower()}{'x' * 62}" for kind in kinds}

    outputs = store("us-gov-west-1", BucketName="b" * 63, Dimension="4096", **names).values()

    assert len(outputs["Environment"]) <= 1024
