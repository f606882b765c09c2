"""The function that `terraform/examples/complete` deploys, and the options that it refuses."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import Settings
from support.deployment import terraform

ACCOUNT = terraform.ACCOUNT


@pytest.fixture
def example(tmp_path):
    """Return a function that plans the example and returns its planned values by address."""
    code = tmp_path / "function.zip"
    code.write_bytes(b"code")

    def plan(region=terraform.REGION, **options):
        variables = {"function_zip": str(code), **options}
        planned = terraform.plan(variables, region=region, part="examples/complete")
        resources = planned["planned_values"]["root_module"]["resources"]
        return {each["address"]: each["values"] for each in resources}

    return plan


@pytest.mark.parametrize(
    "variables, problem",
    [
        ({"runtime": "python3.10"}, "it must be python3.11, python3.12, python3.13 or python3.14"),
        (
            {"runtime": "python3.11", "snap_start": True},
            'runtime is "python3.11", which has no SnapStart: it must be python3.12 or newer',
        ),
        ({"architecture": "arm"}, "it must be arm64 or x86_64"),
        ({"embedding_provider": "ollama"}, "it must be bedrock or word-hashing"),
        ({"embedding_model": "us.cohere.embed-v4:0"}, "must be the id of one foundation model"),
        ({"embedding_model": "*"}, 'embedding_model is "*": it must be the id of one foundation'),
        ({"embedding_model": "amazon.titan-?"}, "without a wildcard"),
        (
            {"embedding_model": "arn:aws:bedrock:us-east-1::x"},
            "inference profiles are not accepted",
        ),
        ({"prefix": "*"}, "1 to 40 lower-case letters, digits and hyphens"),
        ({"prefix": "a" * 41}, "41 characters: it must be 1 to 40"),
        ({"permissions_boundary": "boundary"}, 'permissions_boundary is "boundary": it must be'),
        ({"permissions_boundary": "arn:aws:iam::123456789012:policy/*"}, "the ARN of a policy"),
        ({"level": "write"}, "it must be read, read-write or manage-indexes"),
    ],
)
def test_a_bad_option_of_the_function_is_refused(tmp_path, variables, problem):
    """The plan fails, and the error says what is allowed."""
    example = terraform.make_workspace(tmp_path, "examples/complete")
    (tmp_path / "function.zip").write_bytes(b"code")
    printed = example.set_variables(
        {"function_zip": str(tmp_path / "function.zip"), **variables}
    ).read_refusal("plan")

    assert problem in printed


def test_the_function_has_stache_s_settings(example):
    """They name the store, the tables and the model."""
    function = example(runtime="python3.12", architecture="x86_64")["aws_lambda_function.this"]

    assert (function["runtime"], function["architectures"]) == ("python3.12", ["x86_64"])
    assert function["environment"][0]["variables"] == {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": f"stache-vectors-{ACCOUNT}",
        "S3VECTORS_BUCKET": f"stache-vectors-{ACCOUNT}",
        "S3VECTORS_REGION": "us-east-1",
        "S3VECTORS_DOCUMENTS_INDEX": "documents-1024",
        "S3VECTORS_SUMMARIES_INDEX": "summaries-1024",
        "S3VECTORS_INSIGHTS_INDEX": "insights-1024",
        "EMBEDDING_DIMENSION": "1024",
        "NAMESPACE_PROVIDER": "dynamodb",
        "DOCUMENT_INDEX_PROVIDER": "dynamodb",
        "DYNAMODB_DOCUMENTS_TABLE": "stache-documents",
        "DYNAMODB_NAMESPACE_TABLE": "stache-namespaces",
        "EMBEDDING_PROVIDER": "bedrock",
        "BEDROCK_EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
        "LLM_PROVIDER": "none",
        "ENABLE_SUMMARY_GENERATION": "false",
    }


def test_the_role_has_the_given_permissions_boundary(example):
    """By default it has none."""
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/limits/developers"

    bounded = example(permissions_boundary=boundary)["aws_iam_role.this"]

    assert bounded["permissions_boundary"] == boundary
    assert example()["aws_iam_role.this"]["permissions_boundary"] is None


@pytest.mark.parametrize("retain", [True, False])
def test_the_tables_have_the_keys_that_stache_needs(example, retain):
    """They are billed per request, have backups, and are protected like the vectors."""
    planned = example(retain_data=retain)

    tables = [planned[f'aws_dynamodb_table.this["{name}"]'] for name in ("documents", "namespaces")]
    assert [(each["hash_key"], each["range_key"]) for each in tables] == [
        ("PK", "SK"),
        ("id", None),
    ]
    assert [get_index_keys(each) for each in tables] == [
        {"GSI1": ["GSI1PK", "GSI1SK"], "GSI2": ["GSI2PK", "GSI2SK"]},
        {"parent_id-index": ["parent_id", "id"]},
    ]
    for table in tables:
        assert table["billing_mode"] == "PAY_PER_REQUEST"
        assert table["point_in_time_recovery"][0]["enabled"]
        assert table["deletion_protection_enabled"] is retain
        assert table["tags"] is None


def get_index_keys(table):
    """Return the keys of a table's indexes, by name."""
    return {
        index["name"]: [key["attribute_name"] for key in index["key_schema"]]
        for index in table["global_secondary_index"]
    }


def test_stache_knows_all_settings_of_the_function(example):
    """It would silently ignore an unknown one."""
    variables = example()["aws_lambda_function.this"]["environment"][0]["variables"]

    assert {name.lower() for name in variables} <= set(Settings.model_fields)
