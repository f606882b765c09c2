"""The SAM template refuses bad parameters before it creates anything, and the error has the fix."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from stache_ai_s3vectors.service.metadata_keys import FILTERED
from support.deployment import sam
from support.deployment.cloudformation import resolve_template
from support.deployment.cloudformation_parameters import TemplateError

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = "arn:aws:iam::999999999999:role/search"
NO_PRINCIPALS = [
    "*",
    "999999999999",
    "arn:aws:iam::999999999999:role/*",
    "arn:aws:iam::*:root",
    "arn:aws:iam::999999999999:*",
    "arn:aws:iam::999999999999:group/team",
    "arn:aws:sts::999999999999:assumed-role/search/session",
    f"{ROLE}, {ROLE}",
    f"{ROLE},",
    f",{ROLE}",
    f" {ROLE}",
]
"""Values that do not name principals."""

BAD = [
    ("Prefix", "p" * 43, "shorten it"),
    ("Prefix", "Stache", "lower case"),
    ("Prefix", "-stache", "letter or digit first"),
    ("Prefix", "", "1 to 42"),
    ("BucketName", "my_bucket", "3 to 63"),
    ("BucketName", "arn:aws:s3vectors:us-east-1:123456789012:bucket/b", "not the ARN"),
    ("ExistingBucket", "yes", "true or false"),
    ("Dimension", 0, "size of your embedding model"),
    ("Dimension", 4097, "1 to 4096"),
    ("DistanceMetric", "dotproduct", "cosine or euclidean"),
    ("NonFilterableKeys", "a,b,c,d,e,f,g,h,i", "up to eight keys"),
    ("NonFilterableKeys", "title,text", "always non-filterable"),
    ("NonFilterableKeys", "_overflow", "always non-filterable"),
    ("NonFilterableKeys", "a, b", "without blanks"),
    *(
        ("NonFilterableKeys", key, f"Leave out .*{key}.*searches filter on them")
        for key in FILTERED
    ),
    *(("NonFilterableKeys", f"a,{key}", "index cannot be changed") for key in FILTERED),
    ("NonFilterableKeys", "namespace,a", "Leave out namespace"),
    ("NonFilterableKeys", "k" * 64, "1 to 63"),
    ("DocumentsIndex", "my_documents", "3 to 63"),
    ("DocumentsIndex", "summaries-1024", "another name"),
    ("SummariesIndex", "insights-1024", "another name"),
    ("InsightsIndex", "documents-512", "another name"),
    ("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/mine", "describe-key"),
    ("KmsKeyArn", "1234abcd-12ab-34cd-56ef-1234567890ab", "whole ARN"),
    ("Dimension", "1024.5", "a whole number from 1 to 4096"),
    ("Dimension", "0512", "a whole number from 1 to 4096"),
    ("Level", "write", "read-write is what Stache needs"),
    ("Runtime", "python3.10", "python3.11 to python3.14"),
    ("Architecture", "arm", "arm64 or x86_64"),
    ("EmbeddingProvider", "Bedrock", "bedrock or word-hashing"),
    ("EmbeddingModel", "*", "the id of a foundation model"),
    ("EmbeddingModel", "us.cohere.embed-v4:0", "not an ARN or an inference profile"),
    ("ExistingDocumentsTable", "arn:aws:dynamodb:us-east-1:123456789012:table/t", "not the ARN"),
    ("ExistingDocumentsTable", "documents-*", "a table's name"),
    ("ExistingNamespacesTable", "*", "a table's name"),
    ("Prefix", "*", "1 to 42"),
    ("BucketName", "stache-*", "3 to 63"),
    ("DocumentsIndex", "documents-*", "3 to 63"),
    ("SummariesIndex", "***", "3 to 63"),
    ("InsightsIndex", "insights-????", "3 to 63"),
    ("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:key/*", "whole ARN"),
    ("KmsKeyArn", "arn:aws:kms:*:123456789012:key/1234abcd", "whole ARN"),
    ("EmbeddingModel", "amazon.titan-*", "not an ARN or an inference profile"),
    ("TextSearch", "true", "write standard"),
    ("TextSearch", "EN", "lower case"),
    *(
        (kind, value, "separated by commas")
        for kind in ("Readers", "Writers")
        for value in NO_PRINCIPALS
    ),
    ("PermissionsBoundary", "TeamBoundary", "the ARN of a managed policy"),
    ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/*", "the ARN of a managed policy"),
]
GOOD = [
    {"Prefix": "p" * 42},
    {"Prefix": "4u"},
    {"Dimension": "1"},
    {"Dimension": "4096"},
    {"NonFilterableKeys": "texts,_overflow2,text-3"},
    {"DocumentsIndex": "documents-384", "SummariesIndex": "summaries"},
    {"KmsKeyArn": KEY.replace("aws", "aws-us-gov", 1).replace("1234abcd", "mrk-1234abcd")},
    {"EmbeddingModel": "cohere.embed-multilingual-v3"},
    {"NonFilterableKeys": "namespaces,my_status,type,doc_ids,_types"},
    {"Readers": f"{ROLE},arn:aws-cn:iam::999999999999:root", "Writers": ROLE},
    {"Readers": "arn:aws:iam::999999999999:role/a/path/na.me+=@_-"},
    {"PermissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"},
    {"TextSearch": "ko"},
]
CONTRADICTIONS = [
    ({"ExistingBucket": "true"}, "name the bucket"),
    ({"ExistingIndexes": "true"}, "set ExistingBucket"),
    ({"KmsKeyArn": KEY, "CreateKmsKey": "true"}, "give one"),
    ({"SnapStart": "true", "Runtime": "python3.11"}, "use python3.12 or newer"),
    (
        {
            "ExistingBucket": "true",
            "BucketName": "my-bucket",
            "ExistingIndexes": "true",
            "TextSearch": "standard",
        },
        "use stache-s3vectors indexes upgrade",
    ),
    (
        {"ExistingBucket": "true", "BucketName": "my-bucket", "CreateKmsKey": "true"},
        "pass its key as KmsKeyArn",
    ),
    ({"DocumentsIndex": "mine", "SummariesIndex": "mine"}, "a name of its own"),
    ({"DocumentsIndex": "mine", "InsightsIndex": "mine"}, "a name of its own"),
    ({"SummariesIndex": "mine", "InsightsIndex": "mine"}, "a name of its own"),
]


def transform_template():
    return sam.transform_template(sam.TEMPLATE.read_text())


@pytest.mark.parametrize("name, value, message", BAD)
def test_a_bad_value_is_refused(name, value, message):
    """The error says what is allowed and how to fix it."""
    with pytest.raises(TemplateError, match=rf"{name} failed to satisfy constraint: .*{message}"):
        resolve_template(transform_template().transformed, {name: value})


@pytest.mark.parametrize("parameters, message", CONTRADICTIONS)
def test_a_contradiction_is_refused(parameters, message):
    """A rule refuses it and says how to fix it."""
    with pytest.raises(TemplateError, match=message):
        resolve_template(transform_template().transformed, parameters)


@pytest.mark.parametrize("parameters", GOOD)
def test_the_most_extreme_valid_values_are_accepted(parameters):
    """Nothing that S3 Vectors accepts is refused."""
    assert resolve_template(transform_template().transformed, parameters).resources


def test_every_parameter_has_a_description_and_a_fix():
    """The constraint says what is allowed and, after a colon, the fix."""
    parameters = transform_template().source["Parameters"]

    assert [
        name
        for name, of in parameters.items()
        if not of.get("Description") or ": " not in of.get("ConstraintDescription", "")
    ] == []


def test_cfn_lint_refuses_the_same_values(tmp_path):
    """cfn-lint reports each bad value as a default, with the same constraint."""
    right, bad = transform_template().transformed["Parameters"], defaultdict(list)
    for name, value, _ in BAD:
        bad[name].append(value)
    for n in range(
        max(map(len, bad.values()))
    ):  # a bad value of each parameter per template: fewer runs
        wrong = {name: {"Default": values[n]} for name, values in bad.items() if n < len(values)}
        parameters = {name: of | wrong.get(name, {}) for name, of in right.items()}
        template = {"Parameters": parameters, "Resources": {"Any": {"Type": "AWS::SNS::Topic"}}}
        (tmp_path / f"{n}.json").write_text(json.dumps(template))

    findings = sam.lint_templates(*tmp_path.iterdir())

    assert {(one.file, one.path) for one in findings if one.rule == "E2015"} == {
        (f"{n}.json", f"Parameters/{name}/Default")
        for name, values in bad.items()
        for n in range(len(values))
    }
