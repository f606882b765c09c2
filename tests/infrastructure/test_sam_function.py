"""The SAM template's example function may do what it does, and no more."""

from __future__ import annotations

import json

import boto3
import pytest
import stache_ai_dynamodb.document_index
import stache_ai_dynamodb.namespace
from moto import mock_aws
from stache_ai.config import Settings

import sam
from authorization import find_mistakes
from cloudformation import ACCOUNT, resolve_template

DOCUMENTS_ACTIONS = {"DeleteItem", "DescribeTable", "GetItem", "PutItem", "UpdateItem"}


def stack(region="us-east-1", **parameters):
    transformed = sam.transform_template(
        sam.TEMPLATE.read_text(), json.dumps(parameters)
    ).transformed
    return resolve_template(transformed, parameters, region=region)


def function(stack):
    return stack.resources["StacheFunction"]["Properties"]


def rights(stack):
    """The function's own statements: actions by the resources that they are granted on."""
    [own] = stack.resources["FunctionRole"]["Properties"]["Policies"]
    return own["PolicyDocument"]["Statement"]


def list_granted(stack, service):
    return {
        (action, arn)
        for one in rights(stack)
        for action in one["Action"]
        for arn in one["Resource"]
        if action.startswith(f"{service}:")
    }


@pytest.mark.parametrize("runtime", ["python3.11", "python3.14"])
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_it_is_built_for_what_it_runs_on(runtime, architecture):
    """The build starts in a folder that names runtime and processor, which is there."""
    deployed = stack(Runtime=runtime, Architecture=architecture)

    folder = sam.FOLDER / deployed.resources["StacheFunction"]["Metadata"]["WorkingDirectory"]
    assert (runtime, [architecture]) == (
        function(deployed)["Runtime"],
        function(deployed)["Architectures"],
    )
    assert folder.resolve() == (sam.FUNCTION / "sam" / runtime / architecture).resolve()
    assert folder.is_dir()


def test_every_runtime_has_its_folder():
    """Each runtime and processor that the parameters allow can be built for, and no others."""
    parameters = sam.transform_template(sam.TEMPLATE.read_text()).source["Parameters"]

    assert {
        f"{runtime}/{architecture}"
        for runtime in parameters["Runtime"]["AllowedValues"]
        for architecture in parameters["Architecture"]["AllowedValues"]
    } == {f"{each.parent.name}/{each.name}" for each in sam.FUNCTION.glob("sam/*/*")}


def test_with_snap_start_another_value_publishes_a_version():
    """CloudFormation replaces a version whose description is another; the alias follows."""
    texts = {
        described(**{"SnapStart": "true", **other})
        for other in (
            {},
            {"Runtime": "python3.12"},
            {"Architecture": "x86_64"},
            {"Dimension": "256"},
            {"EmbeddingProvider": "word-hashing"},
            {"EmbeddingModel": "cohere.embed-english-v3"},
            {"Prefix": "notes"},
            {"BucketName": "my-bucket"},
            {"DocumentsIndex": "mine"},
            {"SummariesIndex": "mine"},
            {"InsightsIndex": "mine"},
            {"ExistingDocumentsTable": "mine"},
            {"ExistingNamespacesTable": "mine"},
        )
    }

    assert len(texts) == 13


def described(**parameters):
    """The description of the published version, and its logical id."""
    [(name, version)] = stack(**parameters).list_properties("AWS::Lambda::Version").items()
    return name, version["Description"]


def test_every_parameter_of_the_function_is_in_the_description_of_its_version():
    """A parameter that is not there would change the function, but not what is invoked."""
    source = sam.transform_template(sam.TEMPLATE.read_text()).source
    parameters = source["Parameters"].keys()
    conditions = source["Conditions"]
    own = source["Resources"]["SnapStartFunction"]["Properties"]

    def list_parameters(part):
        text = json.dumps(part)
        used = {name for name in conditions if f'"Fn::If": ["{name}"' in text}
        text += json.dumps([conditions[name] for name in used - {"NewDocumentsTable"}])
        return {n for n in parameters if f'"Ref": "{n}"' in text or f"${{{n}}}" in text}

    used = list_parameters(source["Globals"]["Function"]) - {"DeployFunction"}
    assert used == list_parameters(own["VersionDescription"])


def test_what_it_is():
    """Its handler, memory and time."""
    properties = function(stack())

    assert (properties["Handler"], properties["MemorySize"], properties["Timeout"]) == (
        "handler.handler",
        1024,
        60,
    )


def test_its_environment():
    """The store's, and Stache's providers with their tables."""
    deployed = stack("eu-central-1")

    variables = {k: str(v) for k, v in function(deployed)["Environment"]["Variables"].items()}
    assert {
        **json.loads(deployed.values()["Environment"]),
        "EMBEDDING_PROVIDER": "bedrock",
        "BEDROCK_EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
        "LLM_PROVIDER": "none",
        "ENABLE_SUMMARY_GENERATION": "false",
        "NAMESPACE_PROVIDER": "dynamodb",
        "DYNAMODB_NAMESPACE_TABLE": "stack-NamespacesTable",
        "DOCUMENT_INDEX_PROVIDER": "dynamodb",
        "DYNAMODB_DOCUMENTS_TABLE": "stack-DocumentsTable",
    } == variables


def test_stache_reads_its_environment():
    """Every variable but the ones that are only ours is a field of Stache's own settings."""
    variables = function(stack())["Environment"]["Variables"]

    known = {name.upper() for name in Settings.model_fields}
    assert {"S3VECTORS_BUCKET_NAME", "S3VECTORS_REGION"} == set(variables) - known


@pytest.mark.parametrize(
    "level, policy",
    [
        ("read", "ReadPolicy"),
        ("read-write", "ReadWritePolicy"),
        ("manage-indexes", "ManageIndexesPolicy"),
    ],
)
def test_its_level(level, policy):
    """Its role has the managed policy of the level, and no other."""
    role = stack("cn-north-1", Level=level).resources["FunctionRole"]["Properties"]

    assert [f"arn:aws-cn:iam::{ACCOUNT}:policy/stack-{policy}"] == role["ManagedPolicyArns"]


def test_its_permissions_boundary():
    """Its role has the one that is given, else none."""
    boundary = "arn:aws:iam::123456789012:policy/team/limit"
    [limited] = stack(PermissionsBoundary=boundary).list_properties("AWS::IAM::Role").values()
    [usual] = stack().list_properties("AWS::IAM::Role").values()

    assert limited == {**usual, "PermissionsBoundary": boundary}
    assert "PermissionsBoundary" not in usual


def test_the_model_it_may_ask():
    """The one model, where it runs; none, when it is not Bedrock that makes the embeddings."""
    without = stack(EmbeddingProvider="word-hashing")
    granted = list_granted(stack("cn-north-1", EmbeddingModel="cohere.embed-english-v3"), "bedrock")

    arn = "arn:aws-cn:bedrock:cn-north-1::foundation-model/cohere.embed-english-v3"
    assert {("bedrock:InvokeModel", arn)} == granted
    assert set() == list_granted(without, "bedrock")
    assert "BEDROCK_EMBEDDING_MODEL" not in function(without)["Environment"]["Variables"]


def test_its_logs():
    """It writes to its own log group, which forgets after a month."""
    deployed = stack()

    group = deployed.resources["FunctionLogs"]
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:stack-FunctionLogs:*"
    assert {("logs:CreateLogStream", arn), ("logs:PutLogEvents", arn)} == list_granted(
        deployed, "logs"
    )
    assert function(deployed)["LoggingConfig"] == {"LogGroup": "stack-FunctionLogs"}
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (30, "Delete")


@pytest.mark.parametrize(
    "parameters, documents, namespaces",
    [
        ({}, "stack-DocumentsTable", "stack-NamespacesTable"),
        (
            {"ExistingDocumentsTable": "docs", "ExistingNamespacesTable": "spaces"},
            "docs",
            "spaces",
        ),
    ],
)
def test_its_tables(parameters, documents, namespaces):
    """It has rights on its two tables and their indexes only, made here or there already."""
    deployed = stack(**parameters)

    arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table"
    assert {
        *((f"dynamodb:{action}", f"{arn}/{documents}") for action in DOCUMENTS_ACTIONS),
        ("dynamodb:Query", f"{arn}/{documents}/index/GSI2"),
        ("dynamodb:DescribeTable", f"{arn}/{namespaces}"),
    } == list_granted(deployed, "dynamodb")
    assert (documents, namespaces) == (
        deployed.values()["DocumentsTableName"],
        deployed.values()["NamespacesTableName"],
    )
    assert bool(parameters) is not bool(deployed.list_properties("AWS::DynamoDB::Table"))


def test_statements_are_ones_that_aws_grants():
    """Each action is authorized on its resources; of a log group, :* are its streams."""
    text = json.dumps(rights(stack("us-gov-west-1"))).replace(":*", ":log-stream:any")

    assert [mistake for one in json.loads(text) for mistake in find_mistakes(one)] == []


def test_no_other_rights():
    """Only what has been named above."""
    actions = {action for one in rights(stack()) for action in one["Action"]}

    assert {"bedrock", "dynamodb", "logs"} == {action.partition(":")[0] for action in actions}
    assert [action for action in actions if "*" in action] == []


def test_the_tables_keep_what_they_had():
    """Billed as used, and restorable to any second."""
    for table in stack().list_properties("AWS::DynamoDB::Table").values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.fixture
def providers():
    """Stache's document index and namespaces on tables of the template's schema."""
    schema = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    with mock_aws():
        for name, table in stack().list_properties("AWS::DynamoDB::Table").items():
            properties = {part: table[part] for part in schema}
            boto3.client("dynamodb", "us-east-1").create_table(TableName=name, **properties)
        settings = Settings(
            dynamodb_documents_table="DocumentsTable", dynamodb_namespace_table="NamespacesTable"
        )
        yield [
            stache_ai_dynamodb.document_index.DynamoDBDocumentIndex(settings),
            stache_ai_dynamodb.namespace.DynamoDBNamespaceProvider(settings),
        ]


def test_stache_keeps_documents_in_the_tables(providers):
    """A document is listed, found by its name, deleted and listed in the trash."""
    documents, _ = providers
    documents.create_document("d1", "a.txt", "notes", ["c1"])

    listed = documents.list_documents(namespace="notes")["documents"]
    document = documents.document_exists("a.txt", "notes")
    documents.soft_delete_document("d1", "notes")

    assert [each["doc_id"] for each in listed] == ["d1"]
    assert document
    assert [each["doc_id"] for each in documents.list_trash()["documents"]] == ["d1"]
    assert documents.list_documents(namespace="notes")["documents"] == []


def test_stache_keeps_namespaces_in_the_tables(providers):
    """A namespace is found under its parent."""
    _, namespaces = providers
    namespaces.create("books", "Books")
    namespaces.create("novels", "Novels", parent_id="books")

    children = namespaces.list(parent_id="books")

    assert [each["id"] for each in children] == ["novels"]
    assert [each["id"] for each in namespaces.list()] == ["books"]
