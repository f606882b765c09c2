"""The command `policy`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.tool.main import main

ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
KEYS = "arn:aws:kms:us-east-1:123456789012:key/"
ARGUMENTS = ["--bucket", ARN, "--index", "documents"]


def run(*arguments):
    return CliRunner().invoke(main, ["policy", *arguments])


def test_the_command_takes_a_name_or_an_arn():
    """It takes other partitions as well."""
    parts = ["--account", "123456789012", "--region", "us-east-1", "--index", "documents"]

    by_name, by_arn = run("--bucket", "my-bucket", *parts), run(*ARGUMENTS)
    china = run("--bucket", "my-bucket", *parts, "--partition", "aws-cn")

    assert by_name.output == by_arn.output
    assert json.loads(by_arn.output) == build_policy("read-write", ARN, ["documents"])
    assert '"arn:aws-cn:s3vectors:us-east-1:123456789012:bucket/my-bucket/' in china.output


def test_the_command_grants_the_use_of_a_customer_managed_key():
    """Vectors only need to decrypt, and only what S3 Vectors encrypts in the region."""
    key = "arn:aws:kms:us-east-1:123456789012:key/1234"

    statements = {
        level: json.loads(run(*ARGUMENTS, "--kms-key", key, "--level", level).output)["Statement"]
        for level in LEVELS
    }

    through = {"StringEquals": {"kms:ViaService": "s3vectors.us-east-1.amazonaws.com"}}
    decrypt = {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key]}
    assert statements["read"][-1] == {**decrypt, "Condition": through}
    assert statements["read-write"][-1] == statements["read"][-1]
    assert statements["manage-indexes"][-1] == {
        **statements["read"][-1],
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    }


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["--bucket", "my-bucket", "--index", "a"], "give --account (twelve digits), --region"),
        (["--bucket", "arn:aws:s3vectors:x:1:vector-bucket/b", "--index", "a"], "is not the ARN"),
        ([*ARGUMENTS, "--region", "eu-west-1"], "--region contradicts the bucket's ARN"),
        ([*ARGUMENTS, "--kms-key", "alias/mine"], "is not the ARN of a KMS key"),
        ([*ARGUMENTS, "--kms-key", f"{KEYS}*"], "wildcards and aliases are not accepted"),
        ([*ARGUMENTS, "--kms-key", f"{KEYS}12?4"], "wildcards and aliases are not accepted"),
        ([*ARGUMENTS, "--kms-key", f"{KEYS}1234/*"], "wildcards and aliases are not accepted"),
        (
            [*ARGUMENTS, "--kms-key", f"{KEYS.replace('us-east-1', 'eu-west-1')}1234"],
            "is in eu-west-1 and the bucket in us-east-1",
        ),
        ([*ARGUMENTS, "--level", "write"], "'write' is not one of 'read', 'read-write'"),
        ([], "no vector bucket is configured"),
    ],
)
def test_the_command_refuses_wrong_arguments(arguments, problem):
    """The exit code is 2."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert problem in result.output


def test_bucket_and_indexes_default_to_those_of_the_settings(monkeypatch):
    """Only the account is not in the provider's settings."""
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")
    monkeypatch.setenv("S3VECTORS_REGION", "us-east-1")
    for kind in ("documents", "summaries", "insights"):
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", kind)

    printed = json.loads(run("--account", "123456789012").output)

    assert printed == build_policy("read-write", ARN, ["documents", "summaries", "insights"])
