"""The SAM template, deployed with the real SAM CLI to a simulated AWS; what it deployed, run."""

from __future__ import annotations

import re

import pytest

import function_life
import sam
from deployed_store import of_stack, outputs
from place import provider
from simulated.runtime import FunctionError
from stache_ai_s3vectors import AccessDeniedError
from word_hashing import embed

BUCKET = "stache-vectors-123456789012"
BUCKET_ARN = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}"
STORE = {"DeployFunction": "false"}
HERE = {
    "Runtime": function_life.RUNTIME,
    "Architecture": function_life.ARCHITECTURE,
    "EmbeddingProvider": "word-hashing",
}
"""A function that runs on this machine, and asks no model."""


def deploy(aws, template=sam.TEMPLATE, **parameters):
    """The stack's outputs."""
    result = sam.deploy(aws.url, template, **parameters)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return outputs(aws, "stache")


def delete(aws):
    result = sam.run("sam", "delete", "--no-prompts", endpoint=aws.url)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def stacks(aws):
    """All but those that SAM has for itself."""
    told = aws.client("cloudformation").describe_stacks()["Stacks"]
    return [one["StackName"] for one in told if not one["StackName"].startswith("aws-sam-cli-")]


def indexes(aws):
    return aws.client("s3vectors").list_indexes(vectorBucketName=BUCKET)["indexes"]


def policies(aws):
    return aws.client("iam").list_policies(Scope="Local")["Policies"]


def readable(aws, told):
    """The names of the indexes that the read policy allows something with."""
    statements = of_stack("SAM", aws, told).document("read")["Statement"]
    return {arn.rpartition("/")[2] for statement in statements for arn in statement["Resource"]}


def keys(aws, index):
    told = aws.client("s3vectors").list_vectors(vectorBucketName=BUCKET, indexName=index)
    return [vector["key"] for vector in told["vectors"]]


def test_the_store_is_deployed_changed_and_left_behind(aws):
    """Deployed again it is the same; another size makes indexes beside; what is deleted stays."""
    told = deploy(aws, **STORE)
    aws.client("s3vectors").put_vectors(
        vectorBucketName=BUCKET,
        indexName="documents-1024",
        vectors=[{"key": "a", "data": {"float32": [1.0] * 1024}}],
    )
    before = (told, indexes(aws), policies(aws))
    again = sam.deploy(aws.url, **STORE)
    after = (outputs(aws, "stache"), indexes(aws), policies(aws))
    changed = deploy(aws, **STORE, Dimension="256")
    names = {f"{kind}-256" for kind in ("documents", "summaries", "insights")}

    assert "No changes to deploy. Stack stache is up to date" in again.stderr
    assert again.returncode == 1  # as SAM has it, unless told --no-fail-on-empty-changeset
    assert before == after
    assert readable(aws, changed) == names
    delete(aws)
    assert {index["indexName"] for index in indexes(aws)} == names | {
        index["indexName"] for index in before[1]
    }
    assert keys(aws, "documents-1024") == ["a"]
    assert stacks(aws) == policies(aws) == []


def test_a_key_that_s3_vectors_may_not_use_is_refused(aws):
    """The output says why, and nothing is left; the key that the template makes may be used."""
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    vectors = aws.client("s3vectors")

    refused = sam.deploy(aws.url, **STORE, KmsKeyArn=key)
    left = vectors.list_vector_buckets()["vectorBuckets"]
    delete(aws)
    told = deploy(aws, **STORE, CreateKmsKey="true")
    bucket = vectors.get_vector_bucket(vectorBucketName=BUCKET)["vectorBucket"]

    assert refused.returncode == 1
    said = " ".join(refused.stdout.split())  # in a column, on several lines
    assert "Insufficient access to perform asynchronous indexing" in said
    assert left == []
    assert bucket["encryptionConfiguration"] == {"sseType": "aws:kms", "kmsKeyArn": told["KeyArn"]}
    assert len(indexes(aws)) == 3


@pytest.mark.parametrize("key", ["application", "Application"])
def test_an_organisation_s_tag_is_the_only_one(aws, key):
    """Deployed with it, and again: IAM takes no two keys that differ in letter case only."""
    tags = {key: "search"}
    first = sam.deploy(aws.url, tags=tags, EmbeddingProvider="word-hashing")
    again = sam.deploy(aws.url, tags=tags, EmbeddingProvider="word-hashing")

    assert first.returncode == 0, first.stdout
    assert "No changes to deploy" in again.stderr
    iam = aws.client("iam")
    [role] = [one for one in iam.list_roles()["Roles"] if "FunctionRole" in one["RoleName"]]
    assert iam.list_role_tags(RoleName=role["RoleName"])["Tags"] == [
        {"Key": key, "Value": "search"}
    ]
    for arn in (BUCKET_ARN, f"{BUCKET_ARN}/index/documents-1024"):
        assert aws.client("s3vectors").list_tags_for_resource(resourceArn=arn)["tags"] == tags


def test_the_store_is_nested_in_another_template(aws, tmp_path):
    """Built and deployed with it, as the README says; the other template has its outputs."""
    sam.nest(tmp_path, str(sam.TEMPLATE), **STORE, Dimension="512")
    built = sam.run("sam", "build", folder=tmp_path)
    assert built.returncode == 0, built.stderr

    told = deploy(aws, tmp_path / ".aws-sam" / "build" / "template.yaml")

    assert told == {"Bucket": BUCKET}
    names = {index["indexName"] for index in indexes(aws)}
    assert names == {f"{kind}-512" for kind in ("documents", "summaries", "insights")}


def test_a_template_with_the_older_package_s_arns_lets_nobody_in(aws, tmp_path):
    """It deploys, as AWS looks at no ARN; the first search names the one that is right."""
    wrong = tmp_path / "template.yaml"
    text = sam.TEMPLATE.read_text().replace("../examples/lambda", str(sam.FUNCTION))
    wrong.write_text(text.replace(":bucket/", ":vector-bucket/"))
    reader = of_stack("SAM", aws, deploy(aws, wrong, **STORE)).role("reader", "read")

    with pytest.raises(AccessDeniedError) as refused:
        provider(reader).search(embed(function_life.CAT))

    arn = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}/index/documents-1024"
    assert f"not authorized to perform: s3vectors:GetIndex on resource: {arn}" in str(refused.value)


def test_the_deployed_function_does_its_work_and_its_documents_outlive_the_stack(aws, tmp_path):
    """Denied nothing; it says what it lacks; the next stack's function finds what it ingested."""
    template = sam.built(tmp_path, **HERE).parent / "template.yaml"
    told = deploy(aws, template, **HERE)
    with aws.function(told["FunctionName"], tmp_path / "first") as function:
        function_life.live(function)
        function.invoke({"action": "ingest", "text": function_life.CAT})
    take_the_bucket_away(aws, told["FunctionName"])
    with aws.function(told["FunctionName"], tmp_path / "lacking") as function:
        says_that_the_bucket_is_missing(function)

    delete(aws)
    assert stacks(aws) == policies(aws) == aws.client("lambda").list_functions()["Functions"] == []
    told = deploy(aws, template, **HERE, **recipe(told))
    with aws.function(told["FunctionName"], tmp_path / "second") as function:
        assert function_life.found(function) == [function_life.CAT]

    assert aws.policies.decisions
    assert all(decision.allowed for decision in aws.policies.decisions)


def take_the_bucket_away(aws, name):
    """Out of the function's environment."""
    functions = aws.client("lambda")
    environment = functions.get_function_configuration(FunctionName=name)["Environment"]
    for variable in ("S3VECTORS_BUCKET_NAME", "S3VECTORS_BUCKET"):
        del environment["Variables"][variable]
    functions.update_function_configuration(FunctionName=name, Environment=environment)


def says_that_the_bucket_is_missing(function):
    with pytest.raises(FunctionError) as refused:
        function.invoke({"action": "health"})
    assert str(refused.value).startswith(
        "ConfigurationError: no vector bucket is configured. Set one of: the environment variable "
        "(or .env entry) S3VECTORS_BUCKET_NAME or S3VECTORS_BUCKET; "
    )


def recipe(told):
    """The parameters with which the README uses again what an earlier stack left."""
    page = (sam.FOLDER / "README.md").read_text()
    command = page.partition("### Use again what an earlier stack left")[2].split("```")[1]
    given = dict(re.findall(r"(\w+)=([\w-]+)", command))
    assert given["BucketName"] == told["BucketName"]
    return {
        **given,
        "ExistingDocumentsTable": told["DocumentsTableName"],
        "ExistingNamespacesTable": told["NamespacesTableName"],
    }
