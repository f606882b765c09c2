"""The CDK, SAM and Terraform deploy the same function, with exactly its permissions."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import boto3
import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

import handler
from stache_ai_s3vectors import S3VectorsError
from stache_stack import Options, StacheStack
from support import providers
from support.deployment import lambda_function, sam, stores, terraform
from support.deployment.cloudformation import resolve_template
from support.deployment.lambda_function import DOCUMENTS, NAMESPACES, invoke

PARTITIONS = {"us-east-1": "aws", "cn-north-1": "aws-cn"}
LOG = "my-log-group"


class Table(NamedTuple):
    """A table's keys, the keys of its indexes by name, its billing, and its recovery."""

    keys: tuple[str, ...]
    indexes: frozenset[tuple[str, tuple[str, ...]]]
    billing: str
    recovery: bool


@dataclass(frozen=True)
class FunctionConfiguration:
    """A function as it is deployed, with uniform names for its tables and its log group."""

    grants: frozenset[tuple[str, str]]
    """Actions and ARNs, except those of S3 Vectors."""
    environment: dict[str, str]
    settings: dict[str, object]
    tables: frozenset[Table]


def read_cdk(region, **options):
    """Return the function of the CDK app."""
    app = App(context={**options, "aws:cdk:bundling-stacks": []})
    stack = StacheStack(app, "Stache", Options.from_context(app.node))
    deployed = resolve_template(Template.from_stack(stack).to_json(), region=region)
    [document] = (
        policy["PolicyDocument"] for policy in deployed.list_properties("AWS::IAM::Policy").values()
    )
    return read_stack(deployed, document)


def read_sam(region, **options):
    """Return the function of the SAM template."""
    names = {"embedding_provider": "EmbeddingProvider", "snap_start": "SnapStart"}
    parameters = {names[name]: value for name, value in options.items()}
    text = sam.TEMPLATE.read_text()
    template = sam.transform_template(text, json.dumps(parameters)).transformed
    deployed = resolve_template(template, parameters, region=region)
    [role] = deployed.list_properties("AWS::IAM::Role").values()
    return read_stack(deployed, role["Policies"][0]["PolicyDocument"])


def read_stack(deployed, document):
    [function] = deployed.list_properties("AWS::Lambda::Function").values()
    outputs = deployed.values()
    [log] = deployed.list_properties("AWS::Logs::LogGroup")
    renamed = {
        outputs["DocumentsTableName"]: DOCUMENTS,
        outputs["NamespacesTableName"]: NAMESPACES,
        f"stack-{log}": LOG,
    }
    properties = {
        "runtime": function["Runtime"],
        "architectures": function["Architectures"],
        "handler": function["Handler"],
        "memory": function["MemorySize"],
        "timeout": function["Timeout"],
        "snap_start": function.get("SnapStart", {}).get("ApplyOn"),
        "versions": len(deployed.list_properties("AWS::Lambda::Version")),
        "aliases": [
            alias["Name"] for alias in deployed.list_properties("AWS::Lambda::Alias").values()
        ],
        "invoked": outputs["FunctionName"].partition(":")[2],
    }
    tables = frozenset(
        Table(
            get_key_names(table),
            frozenset(
                (each["IndexName"], get_key_names(each)) for each in table["GlobalSecondaryIndexes"]
            ),
            table["BillingMode"],
            table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        )
        for table in deployed.list_properties("AWS::DynamoDB::Table").values()
    )
    return normalize(document, function["Environment"]["Variables"], properties, renamed, tables)


def get_key_names(table):
    kinds = {each["KeyType"]: each["AttributeName"] for each in table["KeySchema"]}
    return tuple(kinds[kind] for kind in ("HASH", "RANGE") if kind in kinds)


def plan_terraform(region, tmp_path, **options):
    """Return the function that Terraform's complete example plans."""
    (tmp_path / "function.zip").write_bytes(b"code")
    variables = {"function_zip": str(tmp_path / "function.zip"), **options}
    plan = terraform.plan(variables, region=region, part="examples/complete")
    resources = plan["planned_values"]["root_module"]["resources"]
    planned = {each["address"]: each["values"] for each in resources}
    function = planned["aws_lambda_function.this"]
    properties = {
        "runtime": function["runtime"],
        "architectures": function["architectures"],
        "handler": function["handler"],
        "memory": function["memory_size"],
        "timeout": function["timeout"],
        "snap_start": next((each["apply_on"] for each in function["snap_start"]), None),
        "versions": int(function["publish"]),
        "aliases": [alias["name"] for name, alias in planned.items() if "aws_lambda_alias" in name],
        "invoked": plan["planned_values"]["outputs"]["function_name"]["value"].partition(":")[2],
    }
    renamed = {
        "stache-documents": DOCUMENTS,
        "stache-namespaces": NAMESPACES,
        "/aws/lambda/stache-function": LOG,
    }
    document = json.loads(planned["aws_iam_role_policy.this"]["policy"])
    tables = frozenset(
        Table(
            tuple(filter(None, (table["hash_key"], table["range_key"]))),
            frozenset(
                (each["name"], tuple(key["attribute_name"] for key in each["key_schema"]))
                for each in table["global_secondary_index"]
            ),
            table["billing_mode"],
            table["point_in_time_recovery"][0]["enabled"],
        )
        for address, table in planned.items()
        if address.startswith("aws_dynamodb_table")
    )
    variables = function["environment"][0]["variables"]
    return normalize(document, variables, properties, renamed, tables)


def normalize(document, environment, properties, renamed, tables):
    def rename(text):
        for name, other in renamed.items():
            text = text.replace(name, other)
        return text

    granted = {
        (action, rename(arn))
        for _, actions, resources, _ in stores.parse_statements(document)
        for action in actions
        for arn in resources
        if not action.startswith("s3vectors:")
    }
    variables = {name: rename(str(value)) for name, value in environment.items()}
    return FunctionConfiguration(frozenset(granted), variables, properties, tables)


@pytest.fixture(params=["cdk", "sam", "terraform"])
def dialect(request, tmp_path):
    """Return a function that reads the configuration with one of the tools."""
    return {
        "cdk": read_cdk,
        "sam": read_sam,
        "terraform": lambda region, **options: plan_terraform(region, tmp_path, **options),
    }[request.param]


def record_calls(monkeypatch):
    """Exercise the function and return its DynamoDB calls, as actions on tables' ARNs."""
    recorded = set()

    def record(params, model, **_):
        request = json.loads(params["body"])
        one = "TransactItems" not in request
        writes = [] if one else [each for item in request["TransactItems"] for each in item.items()]
        calls = [(model.name, request)] if one else [(f"{kind}Item", of) for kind, of in writes]
        for action, parameters in calls:
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            recorded.add((f"dynamodb:{action}", f"table/{parameters['TableName']}{index}"))

    with lambda_function.prepare_function(monkeypatch):
        boto3.setup_default_session()
        boto3.DEFAULT_SESSION.events.register("before-call.dynamodb", record)
        exercise_function()
    return recorded


def exercise_function():
    """Send each kind of request to the function, and let one ingestion fail."""
    invoke("health")
    document = invoke("ingest", text="The cat sleeps.", filename="cat.txt")
    invoke("ingest", text="The cat sleeps.", filename="cat.txt")
    invoke("ingest", text="The cat is awake.", filename="cat.txt")
    invoke("ingest", text="A text without a name.")
    document = invoke("ingest", text="The dog barks.", filename="dog.txt")
    for last in ("restore", "purge"):
        trashed = invoke("delete", doc_id=document["doc_id"])["deleted_at_ms"]
        invoke(last, doc_id=document["doc_id"], deleted_at_ms=trashed)
    invoke("query", question="who sleeps?")
    providers.fail_calls(handler.pipeline().documents_provider.client, "PutVectors", *range(1, 9))
    with suppress(S3VectorsError):
        invoke("ingest", text="The bird sings.", filename="bird.txt")


@pytest.mark.parametrize("region", PARTITIONS)
def test_the_function_has_exactly_the_permissions_that_it_uses(dialect, region, monkeypatch):
    """They are for its model, its log group, and the recorded calls to its two tables."""
    partition = PARTITIONS[region]
    arn = f"arn:{partition}:{{}}:{region}:{{}}:{{}}".format
    log = arn("logs", "123456789012", f"log-group:{LOG}:*")
    model = arn("bedrock", "", "foundation-model/amazon.titan-embed-text-v2:0")

    assert dialect(region).grants == {
        *(
            (action, arn("dynamodb", "123456789012", table))
            for action, table in record_calls(monkeypatch)
        ),
        ("bedrock:InvokeModel", model),
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
    }


def test_each_tool_deploys_the_same_function(dialect):
    """It has the same environment, handler, memory and timeout."""
    deployed = dialect("us-east-1")

    assert deployed.settings == {
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "handler": "handler.handler",
        "memory": 1024,
        "timeout": 60,
        "snap_start": None,
        "versions": 0,
        "aliases": [],
        "invoked": "",
    }
    ours = {**lambda_function.ENVIRONMENT, "EMBEDDING_PROVIDER": "bedrock"}
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "S3VECTORS_ENDPOINT_URL"):
        del ours[name]  # Lambda sets the first two; the third is for tests only
    bucket = "stache-vectors-123456789012"
    assert deployed.environment == {
        **ours,
        "S3VECTORS_BUCKET_NAME": bucket,
        "S3VECTORS_BUCKET": bucket,
        "S3VECTORS_REGION": "us-east-1",
        "BEDROCK_EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
    }


def test_snap_start_only_adds_a_version_and_an_alias(dialect):
    """The alias of the published version is invoked."""
    default, changed = dialect("us-east-1"), dialect("us-east-1", snap_start="true")

    snap_start = {"snap_start": "PublishedVersions", "versions": 1}
    settings = {**default.settings, **snap_start, "aliases": ["live"], "invoked": "live"}
    assert changed == replace(default, settings=settings)


def test_each_tool_creates_the_tables_that_stache_needs(dialect):
    """The tables in the function's own tests have the same keys."""
    documents = (("GSI1", ("GSI1PK", "GSI1SK")), ("GSI2", ("GSI2PK", "GSI2SK")))
    namespaces = (("parent_id-index", ("parent_id", "id")),)

    assert dialect("us-east-1").tables == {
        Table(("PK", "SK"), frozenset(documents), "PAY_PER_REQUEST", recovery=True),
        Table(("id",), frozenset(namespaces), "PAY_PER_REQUEST", recovery=True),
    }
    assert {
        DOCUMENTS: (("PK", "SK"), dict(documents)),
        NAMESPACES: (("id",), dict(namespaces)),
    } == lambda_function.TABLES


def test_without_bedrock_the_function_may_invoke_no_model(dialect):
    """Its environment names no model."""
    deployed = dialect("us-east-1", embedding_provider="word-hashing")

    assert not [action for action, _ in deployed.grants if action.startswith("bedrock:")]
    assert "BEDROCK_EMBEDDING_MODEL" not in deployed.environment
    assert deployed.environment["EMBEDDING_PROVIDER"] == "word-hashing"
