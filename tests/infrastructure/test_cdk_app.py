"""The CDK app: the store and the example function in one stack."""

from __future__ import annotations

import json

import pytest
from aws_cdk import App, Tags, Validations
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks

from stache_ai_s3vectors.service.permissions import LEVELS
from stache_stack import Options, StacheStack
from support import ROOT
from support.deployment import stores
from support.deployment.cloudformation import RESOURCE_TYPES, resolve_template

CDK = ROOT / "examples" / "cdk"
CONTEXT = json.loads((CDK / "cdk.json").read_text())["context"]
BUCKET = "stache-vectors-123456789012"


def make_app(**context):
    """Make the app with options of `-c`, without building the function."""
    cdk_app = App(context={**CONTEXT, **context, "aws:cdk:bundling-stacks": []})
    return cdk_app, StacheStack(cdk_app, "Stache", Options.from_context(cdk_app.node))


def resolve_stack(**context):
    """Resolve the app's stack as CloudFormation would."""
    return resolve_template(Template.from_stack(make_app(**context)[1]).to_json())


def parse_role_statements(deployed):
    """Parse the statements of the function's role, except those for the store."""
    [document] = (
        policy["PolicyDocument"] for policy in deployed.list_properties("AWS::IAM::Policy").values()
    )
    return {
        statement
        for statement in stores.parse_statements(document)
        if not statement[1][0].startswith("s3vectors:")
    }


def test_the_stack_has_the_store_and_the_function():
    """Its outputs name the store and the managed policy of each level."""
    deployed = resolve_stack()

    store, outputs = stores.parse_stack(deployed), deployed.values()
    assert store.bucket == outputs["BucketName"] == BUCKET
    assert store.policies.keys() == LEVELS.keys()
    assert outputs["BucketArn"].endswith(f":bucket/{BUCKET}")
    assert outputs["DocumentsIndexName"] == "documents-1024"
    assert outputs["InsightsIndexArn"] == f"{outputs['BucketArn']}/index/insights-1024"
    assert {"ReadPolicyArn", "ReadWritePolicyArn", "ManageIndexesPolicyArn"} <= outputs.keys()
    assert "KeyArn" not in outputs


def test_the_environment_is_an_output_and_is_set():
    """The output is a JSON object. The function has the same variables."""
    deployed = resolve_stack()

    environment = json.loads(deployed.values()["Environment"])
    [function] = deployed.list_properties("AWS::Lambda::Function").values()
    variables = function["Environment"]["Variables"]
    assert environment.items() <= variables.items()
    assert {name: variables[name] for name in variables.keys() - environment.keys()} == {
        "DOCUMENT_INDEX_PROVIDER": "dynamodb",
        "DYNAMODB_DOCUMENTS_TABLE": variables["DYNAMODB_DOCUMENTS_TABLE"],
        "NAMESPACE_PROVIDER": "dynamodb",
        "DYNAMODB_NAMESPACE_TABLE": variables["DYNAMODB_NAMESPACE_TABLE"],
        "EMBEDDING_PROVIDER": "bedrock",
        "BEDROCK_EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
        "ENABLE_SUMMARY_GENERATION": "false",
        "LLM_PROVIDER": "none",
    }


def test_the_role_may_use_only_its_tables_model_and_log_group():
    """No statement has a wildcard."""
    deployed = resolve_stack()

    documents, namespaces = (
        f"arn:aws:dynamodb:us-east-1:123456789012:table/stack-{name}"
        for name in deployed.list_properties("AWS::DynamoDB::Table")
    )
    [log] = deployed.list_properties("AWS::Logs::LogGroup")
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    [role] = deployed.list_properties("AWS::IAM::Role").values()
    items = tuple(f"dynamodb:{name}Item" for name in ("Delete", "Get", "Put", "Update"))
    assert "ManagedPolicyArns" not in role
    assert parse_role_statements(deployed) == {
        ("Allow", tuple(sorted((*items, "dynamodb:DescribeTable"))), (documents,), ""),
        ("Allow", ("dynamodb:Query",), (f"{documents}/index/GSI2",), ""),
        ("Allow", ("dynamodb:DescribeTable",), (namespaces,), ""),
        ("Allow", ("bedrock:InvokeModel",), (model,), ""),
        (
            "Allow",
            ("logs:CreateLogStream", "logs:PutLogEvents"),
            (f"arn:aws:logs:us-east-1:123456789012:log-group:stack-{log}:*",),
            "",
        ),
    }


def test_without_bedrock_the_role_may_invoke_no_model():
    """The hashing embedder needs no model."""
    deployed = resolve_stack(embedding_provider="word-hashing")

    actions = {action for _, actions, _, _ in parse_role_statements(deployed) for action in actions}
    [function] = deployed.list_properties("AWS::Lambda::Function").values()
    assert not [action for action in actions if action.startswith("bedrock:")]
    assert "BEDROCK_EMBEDDING_MODEL" not in function["Environment"]["Variables"]


def test_the_store_can_be_deployed_alone():
    """Other stacks may have their own functions."""
    deployed = resolve_stack(deploy_function="false", create_encryption_key="true")

    assert {resource["Type"].split("::")[1] for resource in deployed.resources.values()} == {
        "S3Vectors",
        "IAM",
        "KMS",
    }
    assert deployed.values()["KeyArn"].startswith("arn:aws:kms:")


def test_data_of_an_earlier_deployment_is_reused():
    """Bucket, indexes and tables are given by name."""
    deployed = resolve_stack(
        existing="true", bucket_name=BUCKET, documents_table="docs", namespaces_table="names"
    )

    kinds = {resource["Type"] for resource in deployed.resources.values()}
    resources = {arn for _, _, arns, _ in parse_role_statements(deployed) for arn in arns}
    assert not kinds & {"AWS::S3Vectors::VectorBucket", "AWS::S3Vectors::Index"}
    assert "AWS::DynamoDB::Table" not in kinds
    assert "arn:aws:dynamodb:us-east-1:123456789012:table/docs/index/GSI2" in resources


def test_two_stacks_have_no_name_in_common():
    """Each has a stack name and a prefix of its own."""
    notes, mails = (
        make_app(stack_name=name, prefix=name.lower())[1] for name in ("Notes", "Mails")
    )

    assert (notes.stack_name, mails.stack_name) == ("Notes", "Mails")
    assert list_unique_names(notes) == {"notes-vectors-123456789012"}
    assert list_unique_names(mails) == {"mails-vectors-123456789012"}


def list_unique_names(stack):
    """List the names that must be unique in an account. An index's name is unique in its bucket."""
    template = Template.from_stack(stack).to_json()
    assert not [output for output in template["Outputs"].values() if "Export" in output]
    resources = resolve_template(template).resources.values()
    return {
        resource["Properties"][RESOURCE_TYPES[kind].name]
        for resource in resources
        if (kind := resource["Type"]) in RESOURCE_TYPES.keys() - {"AWS::S3Vectors::Index"}
        and RESOURCE_TYPES[kind].name in resource["Properties"]
    }


def test_the_role_may_use_the_key_of_an_existing_bucket():
    """Otherwise the function could not read the vectors."""
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    deployed = resolve_stack(existing="true", bucket_name=BUCKET, encryption_key_arn=key)

    [granted] = [each for each in parse_role_statements(deployed) if each[1][0].startswith("kms")]
    assert granted[2] == (key,)
    assert deployed.values()["KeyArn"] == key


@pytest.mark.parametrize("level", LEVELS)
def test_the_role_has_exactly_the_chosen_level(level):
    deployed = resolve_stack(level=level)

    [document] = (
        policy["PolicyDocument"] for policy in deployed.list_properties("AWS::IAM::Policy").values()
    )
    expected = stores.parse_stack(deployed).policies[level]
    assert stores.parse_statements(document) - parse_role_statements(deployed) == expected


def test_the_chosen_options_are_deployed():
    """They are dimension, metric, runtime, architecture and model."""
    options = {"dimension": "256", "distance_metric": "euclidean", "runtime": "python3.12"}
    deployed = resolve_stack(
        **options, architecture="x86_64", embedding_model="cohere.embed-english-v3"
    )

    [function] = deployed.list_properties("AWS::Lambda::Function").values()
    index = stores.parse_stack(deployed).indexes["documents-256"]
    assert (index.dimension, index.metric) == (256, "euclidean")
    assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])
    variables = function["Environment"]["Variables"]
    assert variables["BEDROCK_EMBEDDING_MODEL"] == "cohere.embed-english-v3"


def test_with_snap_start_a_changed_option_publishes_a_version():
    """An option of the store does so as well. Without a change, no version is published."""
    contexts = [{}, {}, {"dimension": "256"}, {"architecture": "x86_64"}, {"prefix": "notes"}]
    versions = [
        {*resolve_stack(snap_start="true", **one).list_properties("AWS::Lambda::Version")}
        for one in contexts
    ]

    assert versions[0] == versions[1]
    assert len({name for names in versions for name in names}) == 4


@pytest.mark.parametrize("key", ["application", "Application", "APPLICATION"])
def test_the_app_adds_no_tags_to_those_of_the_deployer(key):
    """IAM refuses two tag keys that differ in letter case only."""
    cdk_app, cdk_stack = make_app(create_encryption_key="true")
    Tags.of(cdk_app).add(key, "billing")

    untaggable = {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}
    for resource in resolve_template(Template.from_stack(cdk_stack).to_json()).resources.values():
        if resource["Type"] not in untaggable:
            assert resource["Properties"]["Tags"] == [{"Key": key, "Value": "billing"}]


@pytest.mark.parametrize("model", ["*", "amazon.*", "a?", "amazon.titan/*", "arn:aws:x", ""])
def test_a_pattern_instead_of_a_model_is_refused(model):
    """It would allow the function other models."""
    with pytest.raises(ValueError, match="embedding_model is .* must be the id of a foundation"):
        make_app(embedding_model=model)


@pytest.mark.parametrize("table", ["*", "docs*", "a?bc", "docs/index/x"])
def test_a_pattern_instead_of_a_table_is_refused(table):
    """It would allow the function other tables."""
    with pytest.raises(ValueError, match="table_names has .*; it must be the name of a table"):
        make_app(documents_table=table, namespaces_table="names")


@pytest.mark.parametrize(
    "retain, deletion_policy", [("true", "RetainExceptOnCreate"), ("false", "Delete")]
)
def test_the_tables_are_retained_like_the_vectors(retain, deletion_policy):
    """Neither is of use without the other."""
    deployed = resolve_stack(retain=retain)

    for resource in deployed.resources.values():
        if resource["Type"] in {"AWS::S3Vectors::VectorBucket", "AWS::DynamoDB::Table"}:
            assert resource["DeletionPolicy"] == deletion_policy


@pytest.mark.parametrize("snap_start", ["true", "false"])
def test_the_app_passes_cdk_nag(snap_start):
    """The code acknowledges one rule, with the reason."""
    cdk_app, _ = make_app(snap_start=snap_start)
    Validations.of(cdk_app).add_plugins(AwsSolutionsChecks(cdk_app))

    cdk_app.synth()


@pytest.mark.parametrize(
    "context, problem",
    [
        ({"dimension": "many"}, "context dimension is 'many'; it must be a whole number"),
        ({"retain": "perhaps"}, "context retain is 'perhaps'; it must be true or false"),
        ({"prefix": 3}, "context prefix is 3; it must be a string"),
        ({"level": "all"}, "level is 'all'; it must be one of read, read-write, manage-indexes"),
        ({"dimension": "4097"}, "dimension is 4097"),
        ({"architecture": "mips"}, "architecture is 'mips'; it must be one of arm64, x86_64"),
        ({"runtime": "python2.7"}, "runtime is 'python2.7'; it must be one of python3.11, "),
        (
            {"snap_start": "true", "runtime": "python3.11"},
            "snap_start is true and runtime is 'python3.11', which has no SnapStart; it must be",
        ),
        ({"snap_start": "yes"}, "context snap_start is 'yes'; it must be true or false"),
        ({"embedding_provider": "bedrok"}, "'bedrok'; it must be one of bedrock, word-hashing"),
        ({"embedding_model": "us.cohere.embed-v4:0"}, "must be the id of a foundation model"),
        ({"embedding_model": "arn:aws:bedrock:x"}, "must be the id of a foundation model"),
        ({"documents_table": "one"}, "documents_table and namespaces_table are two tables"),
        ({"documents_table": "a", "namespaces_table": "a"}, "are two tables; name both, or none"),
    ],
)
def test_a_bad_option_is_refused(context, problem):
    """Synthesis fails, and the error says what is allowed."""
    with pytest.raises(ValueError, match=problem):
        make_app(**context)
