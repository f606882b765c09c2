"""The permissions that the CDK construct grants."""

from __future__ import annotations

import pytest
from aws_cdk import App, CustomResource, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from aws_cdk.aws_cloudfront import experimental

from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from support.deployment import stores
from support.deployment.stacks import (
    ARN,
    BUCKET,
    KEY,
    NAMES,
    OTHER_KEY,
    import_key,
    make_function,
    synthesize,
)

REGIONS = [("aws", "us-east-1"), ("aws", "eu-central-1"), ("aws-cn", "cn-north-1")]
REGIONS += [("aws-us-gov", "us-gov-west-1")]


def test_a_managed_policy_names_every_key(stack):
    """The bucket's key and the indexes' own, each once."""
    own = import_key(stack, "OtherKey", OTHER_KEY)
    store = StacheVectorStore(
        stack,
        "Store",
        encryption_key=import_key(stack),
        indexes={
            "documents": VectorIndexOptions(encryption_key=own),
            "summaries": VectorIndexOptions(encryption_key=own),
        },
    )
    store.managed_policy("read")

    statements = stores.parse_stack(synthesize(stack)).policies["read"]

    assert statements == stores.build_expected_policies(ARN, NAMES[:2], [KEY, OTHER_KEY])["read"]


@pytest.mark.parametrize("partition, region", REGIONS)
@pytest.mark.parametrize("key", [False, True], ids=["no key", "key"])
def test_managed_policies_equal_those_of_permissions(stack, partition, region, key):
    """This holds in every partition."""
    store = StacheVectorStore(stack, "Store", create_encryption_key=key)
    for level in LEVELS:
        store.managed_policy(level)

    deployed = stores.parse_stack(synthesize(stack, region=region))

    arn = f"arn:{partition}:s3vectors:{region}:123456789012:bucket/{BUCKET}"
    keys = [deployed.encryption] if key else []
    assert all(k.startswith(f"arn:{partition}:kms:{region}:123456789012:key/") for k in keys)
    assert deployed.policies == stores.build_expected_policies(arn, NAMES, keys)


@pytest.mark.parametrize("level", LEVELS)
def test_a_grant_allows_exactly_its_level(stack, level):
    """It changes the role's own policy, and includes each key in use."""
    store = StacheVectorStore(
        stack,
        "Store",
        encryption_key=import_key(stack),
        indexes={
            "documents": VectorIndexOptions(encryption_key=import_key(stack, "K2", OTHER_KEY)),
            "summaries": VectorIndexOptions(),
        },
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    grants = {
        "read": store.grant_read,
        "read-write": store.grant_read_write,
        "manage-indexes": store.grant_manage_indexes,
    }

    grants[level](role).assert_success()

    [policy] = synthesize(stack).list_properties("AWS::IAM::Policy").values()
    expected = build_policy(level, ARN, NAMES[:2], [KEY, OTHER_KEY])
    assert stores.parse_statements(policy["PolicyDocument"]) == stores.parse_statements(expected)


def test_a_connected_function_can_run_stache(stack):
    """It gets the environment, and by default the level read-write."""
    store = StacheVectorStore(stack, "Store")

    store.connect(make_function(stack))

    deployed = synthesize(stack)
    [properties] = deployed.list_properties("AWS::Lambda::Function").values()
    assert properties["Environment"]["Variables"] == {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": BUCKET,
        "S3VECTORS_BUCKET": BUCKET,
        "S3VECTORS_REGION": "us-east-1",
        "S3VECTORS_DOCUMENTS_INDEX": "documents-1024",
        "S3VECTORS_SUMMARIES_INDEX": "summaries-1024",
        "S3VECTORS_INSIGHTS_INDEX": "insights-1024",
        "EMBEDDING_DIMENSION": "1024",
    }
    [granted] = deployed.list_properties("AWS::IAM::Policy").values()
    assert (
        stores.parse_statements(granted["PolicyDocument"])
        == stores.build_expected_policies(ARN, NAMES)["read-write"]
    )


def test_an_imported_store_creates_nothing_and_grants_the_same(stack):
    """Its attributes are those of a store in another stack."""
    store = StacheVectorStore.from_store_attributes(
        stack,
        "Store",
        bucket_name="my-bucket",
        index_names={"documents": "docs"},
        dimension=384,
        encryption_key=import_key(stack),
    )
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    store.grant_read(role)

    deployed = synthesize(stack)
    [granted] = deployed.list_properties("AWS::IAM::Policy").values()
    arn = ARN.replace(BUCKET, "my-bucket")
    assert {resource["Type"] for resource in deployed.resources.values()} == {
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
    }
    expected = stores.build_expected_policies(arn, ["docs"], [KEY])["read"]
    assert stores.parse_statements(granted["PolicyDocument"]) == expected
    assert stack.resolve(store.environment)["S3VECTORS_DOCUMENTS_INDEX"] == "docs"
    assert store.environment["EMBEDDING_DIMENSION"] == "384"


def make_stack(app, name, region, account="123456789012"):
    return Stack(app, name, env=Environment(account=account, region=region))


@pytest.mark.parametrize("level", LEVELS)
def test_a_grant_to_another_region_names_the_key(level):
    """So it does not allow the use of every key."""
    app = App()
    store_stack, function_stack = (
        make_stack(app, "StoreStack", "us-east-1"),
        make_stack(app, "FunctionStack", "eu-west-1"),
    )
    store = StacheVectorStore(store_stack, "Store", encryption_key=import_key(store_stack))

    store.connect(make_function(function_stack), level=level)

    deployed = synthesize(function_stack, region="eu-west-1")
    [granted] = deployed.list_properties("AWS::IAM::Policy").values()
    [connected] = deployed.list_properties("AWS::Lambda::Function").values()
    expected = stores.build_expected_policies(ARN, NAMES, [KEY])[level]
    assert stores.parse_statements(granted["PolicyDocument"]) == expected
    assert connected["Environment"]["Variables"]["S3VECTORS_REGION"] == "us-east-1"


@pytest.mark.parametrize(
    "grantee",
    [
        iam.AccountPrincipal("111122223333"),
        iam.AccountRootPrincipal(),
        iam.ArnPrincipal("arn:aws:iam::111122223333:role/search"),
        iam.ServicePrincipal("lambda.amazonaws.com"),
        iam.AnyPrincipal(),
        iam.OrganizationPrincipal("o-1234567890"),
    ],
    ids=lambda grantee: type(grantee).__name__,
)
@pytest.mark.parametrize("create", [True, False], ids=["key", "no key"])
def test_a_grantee_without_its_own_policy_is_refused(stack, grantee, create):
    """The template does not change, not even the created key's policy."""
    store = StacheVectorStore(stack, "Store", create_encryption_key=create)
    before = Template.from_stack(stack).to_json()

    with pytest.raises(ValueError, match="put .*into readers or writers|Put .* into readers or w"):
        store.grant_read(grantee)

    assert Template.from_stack(stack).to_json() == before


@pytest.mark.parametrize("grant", ["grant_read", "grant_read_write", "grant_manage_indexes"])
def test_a_role_of_another_account_is_refused(grant):
    """Its policies are in its account; a grant to the imported role would change nothing there."""
    stack = make_stack(App(), "Stack", "us-east-1")
    store = StacheVectorStore(stack, "Store")
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/search")

    with pytest.raises(ValueError, match="in account 111122223333.* into readers or writers"):
        getattr(store, grant)(role)

    assert "AWS::IAM::Policy" not in list_types(stack)


def test_a_store_of_another_account_is_given_by_its_arn():
    """A function gets the policy and the environment for it."""
    stack = make_stack(App(), "Stack", "eu-west-1", account="111122223333")
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    store = StacheVectorStore.from_store_attributes(
        stack,
        "Store",
        bucket_arn=ARN,
        index_names=dict(zip(("documents", "summaries", "insights"), NAMES, strict=True)),
        encryption_key=key,
    )

    store.connect(make_function(stack), level="read")

    deployed = synthesize(stack, region="eu-west-1")
    [granted] = deployed.list_properties("AWS::IAM::Policy").values()
    [connected] = deployed.list_properties("AWS::Lambda::Function").values()
    variables = connected["Environment"]["Variables"]
    expected = stores.build_expected_policies(ARN, NAMES, [KEY])["read"]
    assert stores.parse_statements(granted["PolicyDocument"]) == expected
    assert (variables["S3VECTORS_BUCKET_NAME"], variables["S3VECTORS_REGION"]) == (ARN, "us-east-1")


def test_a_connected_function_s_stack_depends_on_the_store_s_stack():
    """So CloudFormation deploys the store first."""
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    store = StacheVectorStore(first, "Store")

    store.connect(make_function(second))

    assembly = app.synth()
    names = [each.id for each in assembly.get_stack_by_name("Second").dependencies]
    assert "First" in names


def test_a_grantee_s_stack_depends_on_the_store_s_stack():
    """A grant alone is enough."""
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    store = StacheVectorStore(first, "Store")
    role = iam.Role(second, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    store.grant_read(role)

    assembly = app.synth()
    names = [each.id for each in assembly.get_stack_by_name("Second").dependencies]
    assert "First" in names


def list_types(stack):
    return {r["Type"] for r in Template.from_stack(stack).to_json()["Resources"].values()}


def collect_dependencies(resources, name):
    """Collect the direct and indirect dependencies of a resource."""
    dependencies = set()
    pending = [name]
    while pending:
        resource = resources[pending.pop()]
        direct = {*resource.get("DependsOn", []), *find_references(resource.get("Properties", {}))}
        pending += direct - dependencies
        dependencies |= direct
    return dependencies


def find_references(value):
    if isinstance(value, list):
        for each in value:
            yield from find_references(each)
    elif isinstance(value, dict):
        if isinstance(value.get("Ref"), str) and not value["Ref"].startswith("AWS::"):
            yield value["Ref"]
        elif "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        else:
            for each in value.values():
                yield from find_references(each)


def test_a_custom_resource_that_calls_the_function_depends_on_the_store(stack):
    """Otherwise CloudFormation could call the function before the store exists."""
    store = StacheVectorStore(stack, "Store", create_encryption_key=True)
    connected = make_function(stack)
    store.connect(connected)
    CustomResource(stack, "Fill", service_token=connected.function_arn)

    resources = Template.from_stack(stack).to_json()["Resources"]
    [fill] = [n for n, r in resources.items() if r["Type"] == "AWS::CloudFormation::CustomResource"]

    dependencies = [resources[name]["Type"] for name in collect_dependencies(resources, fill)]
    indexes = [type_name for type_name in dependencies if type_name.endswith("s::Index")]
    assert {"AWS::S3Vectors::VectorBucket", "AWS::KMS::Key", "AWS::IAM::Policy"} <= {*dependencies}
    assert len(indexes) == 3


def import_function(stack):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:search"
    return lambda_.Function.from_function_arn(stack, "Imported", arn)


def create_edge_function(stack):
    return experimental.EdgeFunction(
        stack,
        "Edge",
        code=lambda_.Code.from_inline("pass"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )


@pytest.mark.parametrize(
    "make",
    [
        import_function,
        lambda stack: lambda_.Alias(
            stack, "Alias", alias_name="live", version=make_function(stack).current_version
        ),
        lambda stack: make_function(stack).current_version,
        create_edge_function,
    ],
    ids=["imported", "alias", "version", "edge"],
)
def test_a_function_whose_environment_cannot_be_set_is_refused(make):
    """It gets no permissions, and the error says what to use instead."""
    stack = make_stack(App(), "Stack", "us-east-1")
    store = StacheVectorStore(stack, "Store")
    function_ = make(stack)

    with pytest.raises(TypeError, match="cannot set the environment of .*grant_read.*environment"):
        store.connect(function_)

    assert "AWS::IAM::Policy" not in list_types(stack)
