"""The complete example, deployed by Terraform's core to a simulated AWS, and its function."""

from __future__ import annotations

import pytest

from support.deployment import function_life, terraform, terraform_readme
from support.deployment.function_life import CAT, find_texts
from support.deployment.terraform_readme import BUCKET
from support.simulated.runtime import FunctionError

WHERE = f"{terraform.REGION}:{terraform.ACCOUNT}"
DOCUMENTS = f"arn:aws:s3vectors:{WHERE}:bucket/{BUCKET}/index/documents-1024"
POLICY = f"arn:aws:iam::{terraform.ACCOUNT}:policy/{BUCKET}-{terraform.REGION}-read-write"
KEY = "module.stache_vectors.aws_kms_key"


@pytest.fixture
def example(aws, function_zip, tmp_path):
    """Return a function that makes a folder to deploy the example from."""
    variables = {
        "function_zip": str(function_zip),
        "runtime": function_life.RUNTIME,
        "architecture": function_life.ARCHITECTURE,
        "embedding_provider": "word-hashing",
    }

    def make_folder(name="example"):
        endpoints = terraform.point_everywhere(aws.url)
        folder = terraform.make_workspace(tmp_path / name, "examples/complete", endpoints=endpoints)
        return folder.set_variables(variables)

    return make_folder


def test_the_deployed_function_works_with_its_role(aws, example, tmp_path):
    """From start to purge nothing is denied, and a new plan is empty."""
    deployed = example()
    outputs = deployed.apply()

    with aws.run_function(outputs["function_name"], tmp_path / "task") as function:
        function_life.exercise_function(function)

    assert deployed.list_changes() == {}
    assert aws.policies.decisions
    assert all(decision.allowed for decision in aws.policies.decisions)


@pytest.mark.long
def test_a_function_without_its_policy_names_the_missing_permission(aws, example, tmp_path):
    """The next apply attaches the detached policy again."""
    deployed = example()
    name = deployed.apply()["function_name"]
    role = f"{name}-{terraform.REGION}"
    aws.make_client("iam").detach_role_policy(RoleName=role, PolicyArn=POLICY)

    with aws.run_function(name, tmp_path / "task") as function:
        with pytest.raises(FunctionError) as refused:
            find_texts(function)
        changes = deployed.list_changes()
        deployed.apply()
        repaired = find_texts(function)

    missing = f"not authorized to perform: s3vectors:GetIndex on resource: {DOCUMENTS}"
    assert missing in str(refused.value)
    assert changes == {"aws_iam_role_policy_attachment.vectors": ["create"]}
    assert repaired == []


@pytest.mark.long
def test_a_second_deployment_imports_the_data_of_the_first(aws, example, tmp_path):
    """It runs the page's own commands. At the end, all is destroyed with the data."""
    first, second = example("first"), example("second")
    name = first.apply()["function_name"]
    with aws.run_function(name, tmp_path / "first-task") as function:
        function.invoke({"action": "ingest", "text": CAT, "filename": "cat.txt"})

    tables = remove_all_but_data(first)
    remaining = describe_data(aws)
    for command in [*read_import_commands(aws), *tables]:
        second.check_output(*command)
    changes = second.list_changes()
    second.apply()

    assert remaining == (["documents-1024", "insights-1024", "summaries-1024"], 2, "Enabled")
    assert {tuple(actions) for actions in changes.values()} == {("create",)}
    assert not [name for name in changes if "table" in name or "kms" in name]
    with aws.run_function(name, tmp_path / "second-task") as function:
        assert find_texts(function) == [CAT]
    destroy_all(second)
    assert_no_function_or_role(aws)
    assert describe_data(aws) == ([], 0, "PendingDeletion")


def remove_all_but_data(example):
    """Remove all resources except the data; return the commands that import the tables."""
    forget, remove, *tables = terraform_readme.read_commands(
        "The complete example, removed and deployed again"
    )
    example.check_output(*forget)
    example.check_output(*remove, "-auto-approve")
    assert example.list_resources() == []
    return tables


def read_import_commands(aws):
    """Read the commands that import all other data, beginning with the key."""
    assert_no_function_or_role(aws)
    [key] = aws.make_client("kms").list_keys()["Keys"]
    commands = terraform_readme.read_commands("Use data that exists")
    in_order = sorted(commands, key=lambda command: "aws_kms" not in command[1])
    return [[part.replace("KEY_ID", key["KeyId"]) for part in each] for each in in_order]


def destroy_all(example):
    """Destroy all resources and the data."""
    key = ["state", "mv", f"{KEY}.retained", f"{KEY}.disposable"]
    for command in [*terraform_readme.read_moves("disposable"), key]:
        example.check_output(*command)
    example.check_output("apply", "-auto-approve", "-var", "retain_data=false")
    example.check_output("destroy", "-auto-approve", "-var", "retain_data=false")


def describe_data(aws):
    """Return the names of the indexes, the number of tables, and the state of the key."""
    vectors, kms = aws.make_client("s3vectors"), aws.make_client("kms")
    buckets = [each["vectorBucketArn"] for each in vectors.list_vector_buckets()["vectorBuckets"]]
    listed = [vectors.list_indexes(vectorBucketArn=arn)["indexes"] for arn in buckets]
    [key] = kms.list_keys()["Keys"]
    return (
        sorted(index["indexName"] for indexes in listed for index in indexes),
        len(aws.make_client("dynamodb").list_tables()["TableNames"]),
        kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"],
    )


def assert_no_function_or_role(aws):
    """Assert that there is no function, role or policy."""
    iam = aws.make_client("iam")
    assert aws.make_client("lambda").list_functions()["Functions"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_roles()["Roles"] == []
