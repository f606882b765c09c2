"""The CDK app, deployed with the real CDK CLI to a simulated AWS."""

from __future__ import annotations

import re

import pytest

from support import ROOT
from support.deployment import cdk_app, function_life
from support.deployment.deployed_store import ACCOUNT, REGION, to_deployed_store
from support.deployment.lambda_function import DOCUMENTS, NAMESPACES, create_tables
from support.deployment.role_view import create_provider
from word_hashing import embed

BUCKET = f"stache-vectors-{ACCOUNT}"
STORE = {"deploy_function": "false"}


@pytest.fixture
def aws(aws):
    """Bootstrap the account."""
    cdk_app.bootstrap(ACCOUNT, REGION, **aws.environment)
    return aws


def deploy(aws, folder, **options):
    """Deploy the app and return the CLI's output."""
    return cdk_app.deploy(folder, options, **aws.environment)


def read_deployed_store(aws, folder):
    """Return the store that the outputs of the stack describe."""
    return to_deployed_store("CDK", aws, cdk_app.read_outputs(folder))


def list_index_names(aws):
    indexes = aws.make_client("s3vectors").list_indexes(vectorBucketName=BUCKET)["indexes"]
    return {index["indexName"] for index in indexes}


def list_stacks(aws):
    """List the stacks except the bootstrap stack."""
    stacks = aws.make_client("cloudformation").describe_stacks()["Stacks"]
    return [one["StackName"] for one in stacks if one["StackName"] != "CDKToolkit"]


def list_policies(aws):
    return aws.make_client("iam").list_policies(Scope="Local")["Policies"]


@pytest.mark.long
def test_a_store_is_deployed_resized_destroyed_and_reused(aws, tmp_path):
    """A new dimension adds indexes; `cdk destroy` retains all, and the next stack uses them."""
    deploy(aws, tmp_path, **STORE)
    documents = create_provider(read_deployed_store(aws, tmp_path).owner)
    documents.insert([embed(function_life.CAT)], [function_life.CAT], ids=["a"])
    first_names = list_index_names(aws)
    second_output = deploy(aws, tmp_path, **STORE)
    deploy(aws, tmp_path, **STORE, dimension="256")
    all_names = list_index_names(aws)
    cdk_app.destroy(tmp_path, **aws.environment)

    assert "Stache (no changes)" in second_output
    assert all_names == first_names | {name.replace("1024", "256") for name in first_names}
    assert list_stacks(aws) == list_policies(aws) == []
    create_tables(aws.make_client("dynamodb"))
    deploy(aws, tmp_path, **read_reuse_options(), **cdk_app.LOCAL_FUNCTION)
    assert list_index_names(aws) == all_names
    assert find_texts(aws, cdk_app.read_outputs(tmp_path)["FunctionName"], tmp_path) == [
        function_life.CAT
    ]
    assert aws.policies.decisions
    assert all(decision.allowed for decision in aws.policies.decisions)


def read_reuse_options():
    """Read the README's options for reusing the data of an earlier stack, and add two tables."""
    page = (ROOT / "cdk" / "README.md").read_text()
    command = page.partition("To deploy the stack again, use the existing resources:")[2].split(
        "```"
    )[1]
    options = dict(re.findall(r"-c (\w+)=(\S+)", command))
    assert options["bucket_name"] == BUCKET
    return {**options, "documents_table": DOCUMENTS, "namespaces_table": NAMESPACES}


def find_texts(aws, name, folder):
    """Return the texts that the function of this name finds."""
    with aws.run_function(name, folder / "function") as function:
        return function_life.find_texts(function)


@pytest.mark.long
def test_a_key_that_s3_vectors_may_not_use_is_refused(aws, tmp_path):
    """The output gives the reason, and nothing remains that would block the next deployment."""
    key = aws.make_client("kms").create_key()["KeyMetadata"]["Arn"]

    with pytest.raises(AssertionError) as refused:
        deploy(aws, tmp_path, **STORE, encryption_key_arn=key)

    assert "Insufficient access to perform asynchronous indexing" in str(refused.value)
    assert aws.make_client("s3vectors").list_vector_buckets()["vectorBuckets"] == []
