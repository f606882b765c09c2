"""The example function of the SAM template has the permissions that it needs, and no others."""

from __future__ import annotations

import json

import boto3
import pytest
import stache_ai_dynamodb.document_index
import stache_ai_dynamodb.namespace
from moto import mock_aws
from stache_ai.config import Settings

from support.deployment import sam
from support.deployment.cloudformation import ACCOUNT, resolve_template
from support.permissions.authorization import find_mistakes

DOCUMENTS_ACTIONS = {"DeleteItem", "DescribeTable", "GetItem", "PutItem", "UpdateItem"}


def resolve_stack(region="us-east-1", **parameters):
    transformed = sam.transform_template(
        sam.TEMPLATE.read_text(), json.dumps(parameters)
    ).transformed
    return resolve_template(transformed, parameters, region=region)


def get_function(stack):
    return stack.resources["StacheFunction"]["Properties"]


def get_own_statements(stack):
    """Return the statements of the function's own policy."""
    [own] = stack.resources["FunctionRole"]["Properties"]["Policies"]
    return own["PolicyDocument"]["Statement"]


def list_granted(stack, service):
    return {
        (action, arn)
        for one in get_own_statements(stack)
        for action in one["Action"]
        for arn in one["Resource"]
        if action.startswith(f"{service}:")
    }


@pytest.mark.parametrize("runtime", ["python3.11", "python3.14"])
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_build_folder_matches_runtime_and_architecture(runtime, architecture):
    """The build starts in a folder that is named for runtime and architecture, and exists."""
    deployed = resolve_stack(Runtime=runtime, Architecture=architecture)

    folder = sam.FOLDER / deployed.resources["StacheFunction"]["Metadata"]["WorkingDirectory"]
    assert (runtime, [architecture]) == (
        get_function(deployed)["Runtime"],
        get_function(deployed)["Architectures"],
    )
    assert folder.resolve() == (sam.FUNCTION / "sam" / runtime / architecture).resolve()
    assert folder.is_dir()


def test_every_runtime_and_architecture_has_a_folder():
    """The folders are exactly those for the values that the parameters allow."""
    parameters = sam.transform_template(sam.TEMPLATE.read_text()).source["Parameters"]

    assert {
        f"{runtime}/{architecture}"
        for runtime in parameters["Runtime"]["AllowedValues"]
        for architecture in parameters["Architecture"]["AllowedValues"]
    } == {f"{each.parent.name}/{each.name}" for each in sam.FUNCTION.glob("sam/*/*")}


def test_with_snap_start_a_changed_parameter_publishes_a_version():
    """CloudFormation replaces a version when its description changes; the alias follows."""
    texts = {
        get_version(**{"SnapStart": "true", **other})
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


def get_version(**parameters):
    """Return the description of the published version, and its logical ID."""
    [(name, version)] = resolve_stack(**parameters).list_properties("AWS::Lambda::Version").items()
    return name, version["Description"]


def test_the_version_s_description_has_every_function_parameter():
    """A parameter missing from it would change the function, but not the invoked version."""
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


def test_the_function_has_its_handler_memory_and_timeout():
    properties = get_function(resolve_stack())

    assert (properties["Handler"], properties["MemorySize"], properties["Timeout"]) == (
        "handler.handler",
        1024,
        60,
    )


def test_the_function_s_environment_is_complete():
    """It has the store's variables, and Stache's providers with their tables."""
    deployed = resolve_stack("eu-central-1")

    variables = {k: str(v) for k, v in get_function(deployed)["Environment"]["Variables"].items()}
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


def test_stache_reads_the_function_s_environment():
    """Every variable, except our own, is a field of Stache's settings."""
    variables = get_function(resolve_stack())["Environment"]["Variables"]

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
def test_the_role_has_the_policy_of_its_level(level, policy):
    """It has no other managed policy."""
    role = resolve_stack("cn-north-1", Level=level).resources["FunctionRole"]["Properties"]

    assert [f"arn:aws-cn:iam::{ACCOUNT}:policy/stack-{policy}"] == role["ManagedPolicyArns"]


def test_the_role_has_the_given_permissions_boundary():
    """By default it has none."""
    boundary = "arn:aws:iam::123456789012:policy/team/limit"
    [limited] = (
        resolve_stack(PermissionsBoundary=boundary).list_properties("AWS::IAM::Role").values()
    )
    [usual] = resolve_stack().list_properties("AWS::IAM::Role").values()

    assert limited == {**usual, "PermissionsBoundary": boundary}
    assert "PermissionsBoundary" not in usual


def test_the_function_may_invoke_only_its_model():
    """The model is in the function's region. Without Bedrock, it may invoke none."""
    without = resolve_stack(EmbeddingProvider="word-hashing")
    granted = list_granted(
        resolve_stack("cn-north-1", EmbeddingModel="cohere.embed-english-v3"), "bedrock"
    )

    arn = "arn:aws-cn:bedrock:cn-north-1::foundation-model/cohere.embed-english-v3"
    assert {("bedrock:InvokeModel", arn)} == granted
    assert set() == list_granted(without, "bedrock")
    assert "BEDROCK_EMBEDDING_MODEL" not in get_function(without)["Environment"]["Variables"]


def test_the_function_writes_to_its_own_log_group():
    """The log group keeps events for a month."""
    deployed = resolve_stack()

    group = deployed.resources["FunctionLogs"]
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:stack-FunctionLogs:*"
    assert {("logs:CreateLogStream", arn), ("logs:PutLogEvents", arn)} == list_granted(
        deployed, "logs"
    )
    assert get_function(deployed)["LoggingConfig"] == {"LogGroup": "stack-FunctionLogs"}
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
def test_the_function_may_use_only_its_two_tables(parameters, documents, namespaces):
    """It may also use their indexes. The tables are created or existing ones."""
    deployed = resolve_stack(**parameters)

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


def test_every_statement_grants_something():
    """AWS authorizes each action on its resources. `:*` after a log group are its streams."""
    text = json.dumps(get_own_statements(resolve_stack("us-gov-west-1"))).replace(
        ":*", ":log-stream:any"
    )

    assert [mistake for one in json.loads(text) for mistake in find_mistakes(one)] == []


def test_the_function_has_no_other_permissions():
    """The tests above check all of its permissions."""
    actions = {action for one in get_own_statements(resolve_stack()) for action in one["Action"]}

    assert {"bedrock", "dynamodb", "logs"} == {action.partition(":")[0] for action in actions}
    assert [action for action in actions if "*" in action] == []


def test_the_tables_can_be_restored():
    """They are billed per request, and have point-in-time recovery."""
    for table in resolve_stack().list_properties("AWS::DynamoDB::Table").values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.fixture
def providers():
    """Return Stache's document index and namespaces, with tables of the template's schema."""
    schema = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    with mock_aws():
        for name, table in resolve_stack().list_properties("AWS::DynamoDB::Table").items():
            properties = {part: table[part] for part in schema}
            boto3.client("dynamodb", "us-east-1").create_table(TableName=name, **properties)
        settings = Settings(
            dynamodb_documents_table="DocumentsTable", dynamodb_namespace_table="NamespacesTable"
        )
        yield [
            stache_ai_dynamodb.document_index.DynamoDBDocumentIndex(settings),
            stache_ai_dynamodb.namespace.DynamoDBNamespaceProvider(settings),
        ]


def test_stache_stores_documents_in_the_tables(providers):
    """A document is listed, found by name, deleted and listed in the trash."""
    documents, _ = providers
    documents.create_document("d1", "a.txt", "notes", ["c1"])

    listed = documents.list_documents(namespace="notes")["documents"]
    document = documents.document_exists("a.txt", "notes")
    documents.soft_delete_document("d1", "notes")

    assert [each["doc_id"] for each in listed] == ["d1"]
    assert document
    assert [each["doc_id"] for each in documents.list_trash()["documents"]] == ["d1"]
    assert documents.list_documents(namespace="notes")["documents"] == []


def test_stache_stores_namespaces_in_the_tables(providers):
    """A namespace is found under its parent."""
    _, namespaces = providers
    namespaces.create("books", "Books")
    namespaces.create("novels", "Novels", parent_id="books")

    children = namespaces.list(parent_id="books")

    assert [each["id"] for each in children] == ["novels"]
    assert [each["id"] for each in namespaces.list()] == ["books"]
