"""The resolver resolves templates as CloudFormation does."""

from __future__ import annotations

import pytest

from support.deployment.cloudformation import ACCOUNT, resolve_template
from support.deployment.cloudformation_parameters import TemplateError

BUCKET = {"Type": "AWS::S3Vectors::VectorBucket", "Properties": {"VectorBucketName": "my-bucket"}}
ARN = f"arn:aws-cn:s3vectors:cn-north-1:{ACCOUNT}:bucket/my-bucket"
PARAMETERS = {
    "Word": {"Type": "String", "Default": "word"},
    "Number": {"Type": "Number", "Default": 7},
}


def resolve_value(node, **sections):
    """Resolve a part of a template in a region in China."""
    template = {
        "Parameters": PARAMETERS,
        "Resources": {"Bucket": BUCKET},
        "Outputs": {"Result": {"Value": node}},
        **sections,
    }
    return resolve_template(template, region="cn-north-1").outputs["Result"].get("Value")


@pytest.mark.parametrize(
    "node, expected",
    [
        ({"Ref": "Word"}, "word"),
        ({"Ref": "Number"}, "7"),
        ({"Ref": "AWS::Partition"}, "aws-cn"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com.cn"),
        ({"Ref": "Bucket"}, ARN),
        ({"Fn::GetAtt": ["Bucket", "VectorBucketArn"]}, ARN),
        ({"Fn::GetAtt": "Bucket.VectorBucketArn"}, ARN),
        ({"Fn::Join": ["-", ["a", {"Ref": "Number"}, "b"]]}, "a-7-b"),
        ({"Fn::Select": ["1", {"Fn::Split": ["/", {"Ref": "Bucket"}]}]}, "my-bucket"),
        ({"Fn::Sub": "${Word} ${!Word} ${Bucket.VectorBucketArn}"}, f"word ${{Word}} {ARN}"),
        ({"Fn::Sub": ["${Own}-${AWS::Region}", {"Own": {"Ref": "Word"}}]}, "word-cn-north-1"),
        (["a", {"Ref": "AWS::NoValue"}, {"b": {"Ref": "AWS::NoValue"}}], ["a", {}]),
        ({"Ref": "AWS::NoValue"}, None),
    ],
)
def test_an_intrinsic_function_is_resolved(node, expected):
    """It may refer to parameters, pseudo parameters and resources."""
    assert resolve_value(node) == expected


@pytest.mark.parametrize(
    "condition, expected",
    [
        ({"Fn::Equals": [{"Ref": "Number"}, "7"]}, "yes"),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Word"}, "word"]}]}, "no"),
        ({"Fn::And": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "Yes"}]}]}, "no"),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "Yes"}]}]}, "yes"),
    ],
)
def test_a_condition_selects_a_branch(condition, expected):
    conditions = {"It": condition, "Yes": {"Fn::Equals": ["a", "a"]}}

    assert resolve_value({"Fn::If": ["It", "yes", "no"]}, Conditions=conditions) == expected


@pytest.mark.parametrize(
    "node, message",
    [
        ({"Fn::ImportValue": "a"}, "Fn::ImportValue is not supported"),
        ({"Ref": "Nothing"}, "no resource Nothing"),
        ({"Fn::GetAtt": ["Bucket", "VectorBucketName"]}, "no attribute VectorBucketName"),
        ({"Fn::If": ["Nothing", 1, 2]}, "no condition Nothing"),
    ],
)
def test_an_unknown_reference_or_function_is_refused(node, message):
    """It is not resolved to a missing value."""
    with pytest.raises(TemplateError, match=message):
        resolve_value(node)


def test_a_resource_with_a_false_condition_cannot_be_referenced():
    """It is not in the stack."""
    template = {
        "Conditions": {"No": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Bucket": {**BUCKET, "Condition": "No"}},
    }

    assert resolve_template(template).resources == {}
    with pytest.raises(TemplateError, match="condition of Bucket is false"):
        resolve_template({**template, "Outputs": {"It": {"Value": {"Ref": "Bucket"}}}})


@pytest.mark.parametrize(
    "resource, reference, arn",
    [
        ({"Type": "AWS::DynamoDB::Table"}, "stack-It", "dynamodb:us-east-1:{}:table/stack-It"),
        ({"Type": "AWS::IAM::Role"}, "stack-It", "iam::{}:role/stack-It"),
        ({"Type": "AWS::KMS::Key"}, "stack-It", "kms:us-east-1:{}:key/stack-It"),
        ({"Type": "AWS::Lambda::Function"}, "stack-It", "lambda:us-east-1:{}:function:stack-It"),
        ({"Type": "AWS::Logs::LogGroup"}, "stack-It", "logs:us-east-1:{}:log-group:stack-It:*"),
    ],
)
def test_a_resource_is_resolved_to_its_name_and_arn(resource, reference, arn):
    """These are resource types whose Ref is their name."""
    outputs = {
        "Name": {"Value": {"Ref": "It"}},
        "Arn": {"Value": {"Fn::GetAtt": ["It", "Arn"]}},
    }

    values = resolve_template({"Resources": {"It": resource}, "Outputs": outputs}).values()

    assert values == {"Name": reference, "Arn": f"arn:aws:{arn.format(ACCOUNT)}"}


@pytest.mark.parametrize("bucket", [{"VectorBucketName": "my-bucket"}, {"VectorBucketArn": ARN}])
def test_an_index_s_arn_contains_its_bucket(bucket):
    """The bucket is given by name or by ARN."""
    index = {"Type": "AWS::S3Vectors::Index", "Properties": {"IndexName": "docs", **bucket}}

    assert resolve_value({"Ref": "Index"}, Resources={"Index": index}) == f"{ARN}/index/docs"


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"Other": "a"}, "do not exist in the template"),
        ({}, "must have values"),
        ({"Word": "a", "Number": "two"}, "Number failed to satisfy constraint: it is not allowed"),
    ],
)
def test_parameters_are_checked(parameters, message):
    """Unknown, missing and wrong ones are refused."""
    declared = {"Word": {"Type": "String"}, "Number": {"Type": "Number", "Default": 1}}

    with pytest.raises(TemplateError, match=message):
        resolve_template({"Parameters": declared, "Resources": {}}, parameters)


def test_a_rule_is_checked_if_its_condition_is_true():
    """The CDK's templates have such a rule, which looks for a version in a list."""
    rule = {
        "RuleCondition": {"Fn::Equals": [{"Ref": "Word"}, "word"]},
        "Assertions": [
            {
                "Assert": {"Fn::Not": [{"Fn::Contains": [["6", "7"], {"Ref": "Number"}]}]},
                "AssertDescription": "7 is too old",
            }
        ],
    }
    template = {"Parameters": PARAMETERS, "Resources": {}, "Rules": {"Version": rule}}

    assert resolve_template(template, {"Word": "other"}).resources == {}
    with pytest.raises(TemplateError, match="7 is too old"):
        resolve_template(template)


def test_a_transform_is_refused():
    """The SAM translator must apply it first."""
    with pytest.raises(TemplateError, match="transform"):
        resolve_template({"Transform": "AWS::Serverless-2016-10-31", "Resources": {}})
