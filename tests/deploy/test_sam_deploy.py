"""The SAM template, deployed by the real SAM CLI to a simulated AWS, and its function, invoked."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from stache_ai_s3vectors import AccessDeniedError
from stache_ai_s3vectors.operations.query_text import put_question
from stache_ai_s3vectors.service.permissions import build_bucket_policy, build_policy
from support.deployment import change_sets, function_life, sam
from support.deployment.deployed_store import read_outputs, to_deployed_store
from support.deployment.role_view import create_provider
from support.simulated.runtime import FunctionError
from word_hashing import embed

BUCKET = "stache-vectors-123456789012"
BUCKET_ARN = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}"
OTHER_ACCOUNT = "999999999999"

STORE = {"DeployFunction": "false"}
LOCAL_FUNCTION = {
    "Runtime": function_life.RUNTIME,
    "Architecture": function_life.ARCHITECTURE,
    "EmbeddingProvider": "word-hashing",
}
"""The parameters of a function that runs on this machine without a model."""


def deploy(aws, template=sam.TEMPLATE, **parameters):
    """Deploy with the SAM CLI and return the stack's outputs."""
    result = sam.deploy(aws.url, template, **parameters)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return read_outputs(aws, "stache")


def deploy_store(aws, **parameters):
    """Deploy the store alone with CloudFormation's API, and return the stack's outputs."""
    body = sam.TEMPLATE.read_text()
    change_sets.deploy(aws.make_client("cloudformation"), body, {**STORE, **parameters})
    return read_outputs(aws, "stache")


def delete(aws):
    result = sam.run("sam", "delete", "--no-prompts", endpoint=aws.url)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def list_stacks(aws):
    """List the stacks except those that the SAM CLI creates for itself."""
    stacks = aws.make_client("cloudformation").describe_stacks()["Stacks"]
    return [one["StackName"] for one in stacks if not one["StackName"].startswith("aws-sam-cli-")]


def list_indexes(aws):
    return aws.make_client("s3vectors").list_indexes(vectorBucketName=BUCKET)["indexes"]


def list_policies(aws):
    return aws.make_client("iam").list_policies(Scope="Local")["Policies"]


def list_readable_indexes(aws, outputs):
    """Return the names of the indexes on which the read policy allows an action."""
    statements = to_deployed_store("SAM", aws, outputs).read_policy("read")["Statement"]
    return {arn.rpartition("/")[2] for statement in statements for arn in statement["Resource"]}


def list_keys(aws, index):
    response = aws.make_client("s3vectors").list_vectors(vectorBucketName=BUCKET, indexName=index)
    return [vector["key"] for vector in response["vectors"]]


@pytest.mark.long
def test_the_store_is_deployed_resized_and_retained(aws):
    """Deploying again changes nothing, a new dimension adds indexes, and deletion retains all."""
    outputs = deploy(aws, **STORE)
    aws.make_client("s3vectors").put_vectors(
        vectorBucketName=BUCKET,
        indexName="documents-1024",
        vectors=[{"key": "a", "data": {"float32": [1.0] * 1024}}],
    )
    before = (outputs, list_indexes(aws), list_policies(aws))
    second = sam.deploy(aws.url, **STORE)
    after = (read_outputs(aws, "stache"), list_indexes(aws), list_policies(aws))
    changed = deploy(aws, **STORE, Dimension="256")
    names = {f"{kind}-256" for kind in ("documents", "summaries", "insights")}

    assert "No changes to deploy. Stack stache is up to date" in second.stderr
    assert second.returncode == 1  # the SAM CLI's default, without --no-fail-on-empty-changeset
    assert before == after
    assert list_readable_indexes(aws, changed) == names
    delete(aws)
    assert {index["indexName"] for index in list_indexes(aws)} == names | {
        index["indexName"] for index in before[1]
    }
    assert list_keys(aws, "documents-1024") == ["a"]
    assert list_stacks(aws) == list_policies(aws) == []


def test_a_key_that_s3_vectors_may_not_use_is_refused(aws):
    """The output gives the reason, and nothing remains. The template's own key can be used."""
    key = aws.make_client("kms").create_key()["KeyMetadata"]["Arn"]
    vectors = aws.make_client("s3vectors")

    refused = sam.deploy(aws.url, **STORE, KmsKeyArn=key)
    remaining = vectors.list_vector_buckets()["vectorBuckets"]
    delete(aws)
    outputs = deploy_store(aws, CreateKmsKey="true")
    bucket = vectors.get_vector_bucket(vectorBucketName=BUCKET)["vectorBucket"]

    assert refused.returncode == 1
    output = " ".join(refused.stdout.split())  # the CLI prints it in a column, on several lines
    assert "Insufficient access to perform asynchronous indexing" in output
    assert remaining == []
    assert bucket["encryptionConfiguration"] == {
        "sseType": "aws:kms",
        "kmsKeyArn": outputs["KeyArn"],
    }
    assert len(list_indexes(aws)) == 3


@pytest.mark.parametrize("key", ["application", "Application"])
def test_a_deployer_s_tag_is_the_only_tag(aws, key):
    """IAM refuses two tag keys that differ in letter case only, so the template adds none."""
    tags = {key: "search"}
    first = sam.deploy(aws.url, tags=tags, EmbeddingProvider="word-hashing")
    second = sam.deploy(aws.url, tags=tags, EmbeddingProvider="word-hashing")

    assert first.returncode == 0, first.stdout
    assert "No changes to deploy" in second.stderr
    iam = aws.make_client("iam")
    [role] = [one for one in iam.list_roles()["Roles"] if "FunctionRole" in one["RoleName"]]
    assert iam.list_role_tags(RoleName=role["RoleName"])["Tags"] == [
        {"Key": key, "Value": "search"}
    ]
    for arn in (BUCKET_ARN, f"{BUCKET_ARN}/index/documents-1024"):
        assert aws.make_client("s3vectors").list_tags_for_resource(resourceArn=arn)["tags"] == tags


def test_a_store_with_text_search_finds_words(aws):
    """It finds words unknown to the embedding. A new language updates the indexes in place."""
    store = to_deployed_store("SAM", aws, deploy_store(aws, TextSearch="standard"))
    hybrid, vector = (
        create_provider({**store.owner, "S3VECTORS_SEARCH_MODE": mode})
        for mode in ("hybrid", "vector")
    )
    texts = ["The cat sleeps.", "A cat.", "Tank 4471"]
    hybrid.insert([embed(text) for text in texts], texts, ids=["sleeps", "cat", "tank"])
    wait_until_active(aws)
    context = SimpleNamespace(custom={})
    put_question("4471", context.custom)

    assert "tank" not in get_ids(vector.search(embed("cat"), top_k=2, context=context))
    assert "tank" in get_ids(hybrid.search(embed("cat"), top_k=2, context=context))
    deploy_store(aws, TextSearch="en")
    assert get_text_search(aws)["language"] == "en"
    assert sorted(list_keys(aws, "documents-1024")) == ["cat", "sleeps", "tank"]


def get_ids(rows):
    return [row["id"] for row in rows]


def get_text_search(aws):
    response = aws.make_client("s3vectors").get_index(
        vectorBucketName=BUCKET, indexName="documents-1024"
    )
    [configuration] = response["index"]["metadataConfiguration"]["textSearchConfigurations"]
    return configuration


def wait_until_active(aws):
    while get_text_search(aws)["status"] == "BUILDING":
        pass  # a thread of the engine builds it in a moment


def test_readers_and_writers_of_another_account_have_exactly_their_permissions(aws):
    """A reader searches and a writer also writes, with the key that the template creates."""
    outputs = deploy_store(aws, CreateKmsKey="true", Readers=role_arn("r"), Writers=role_arn("w"))
    reader, writer, other = (
        create_foreign_client(aws, name, outputs) for name in ("r", "w", "other")
    )
    index = {"indexArn": outputs["DocumentsIndexArn"]}
    vector = {"float32": embed("cat")}
    question = {"queryVector": vector, "topK": 1, "returnMetadata": True}

    writer.put_vectors(**index, vectors=[{"key": "cat", "data": vector}])

    for client in (reader, writer):
        [result] = client.query_vectors(**index, **question)["vectors"]
        assert result["key"] == "cat"
    for denied in (
        lambda: reader.delete_vectors(**index, keys=["cat"]),
        lambda: other.query_vectors(**index, **question),
    ):
        with pytest.raises(ClientError, match="not authorized"):
            denied()


def test_readers_alone_are_enough(aws):
    """Without writers, the key policy names only the reader."""
    outputs = deploy_store(aws, CreateKmsKey="true", Readers=role_arn("r"))
    key = aws.make_client("kms").get_key_policy(KeyId=outputs["KeyArn"], PolicyName="default")[
        "Policy"
    ]
    bucket = aws.make_client("s3vectors").get_vector_bucket_policy(vectorBucketName=BUCKET)[
        "policy"
    ]

    [*_, others] = json.loads(key)["Statement"]
    assert others["Principal"] == {"AWS": [role_arn("r")]}
    assert [one["Sid"] for one in json.loads(bucket)["Statement"]] == ["Readers"]


def test_an_existing_bucket_s_policy_is_replaced(aws):
    """The new policy is deleted with the stack, but the bucket stays."""
    vectors = aws.make_client("s3vectors")
    vectors.create_vector_bucket(vectorBucketName=BUCKET)
    earlier = build_bucket_policy(BUCKET_ARN, ["documents"], readers=[role_arn("earlier")])
    vectors.put_vector_bucket_policy(vectorBucketName=BUCKET, policy=json.dumps(earlier))

    deploy_store(aws, ExistingBucket="true", BucketName=BUCKET, Writers=role_arn("w"))
    now = vectors.get_vector_bucket_policy(vectorBucketName=BUCKET)["policy"]
    aws.make_client("cloudformation").delete_stack(StackName="stache")

    names = [f"{kind}-1024" for kind in ("documents", "summaries", "insights")]
    assert json.loads(now) == build_bucket_policy(BUCKET_ARN, names, writers=[role_arn("w")])
    with pytest.raises(vectors.exceptions.NotFoundException):
        vectors.get_vector_bucket_policy(vectorBucketName=BUCKET)
    assert len(list_indexes(aws)) == 3


def role_arn(name):
    return f"arn:aws:iam::{OTHER_ACCOUNT}:role/{name}"


def create_foreign_client(aws, name, outputs):
    """Create a client for a role of the other account that has the read-write policy."""
    document = build_policy(
        "read-write", outputs["BucketArn"], ["documents-1024"], [outputs["KeyArn"]]
    )
    environment = aws.create_foreign_role_environment(role_arn(name), document)
    return aws.make_client("s3vectors", environment)


def test_the_store_is_nested_in_another_template(aws, tmp_path):
    """As in the README, `sam build` and `sam deploy` include it; the parent uses its outputs."""
    sam.write_nesting_template(tmp_path, str(sam.TEMPLATE), **STORE, Dimension="512")
    built = sam.run("sam", "build", folder=tmp_path)
    assert built.returncode == 0, built.stderr

    outputs = deploy(aws, tmp_path / ".aws-sam" / "build" / "template.yaml")

    assert outputs == {"Bucket": BUCKET}
    names = {index["indexName"] for index in list_indexes(aws)}
    assert names == {f"{kind}-512" for kind in ("documents", "summaries", "insights")}


def test_a_template_with_the_older_package_s_arns_grants_nothing(aws, tmp_path):
    """It deploys, because AWS does not check ARNs. The first search's error has the correct ARN."""
    wrong = tmp_path / "template.yaml"
    text = sam.TEMPLATE.read_text().replace("../examples/lambda", str(sam.FUNCTION))
    wrong.write_text(text.replace(":bucket/", ":vector-bucket/"))
    store = to_deployed_store("SAM", aws, deploy(aws, wrong, **STORE))
    reader = store.create_role_environment("reader", "read")

    with pytest.raises(AccessDeniedError) as refused:
        create_provider(reader).search(embed(function_life.CAT))

    arn = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}/index/documents-1024"
    assert f"not authorized to perform: s3vectors:GetIndex on resource: {arn}" in str(refused.value)


@pytest.mark.long
def test_the_deployed_function_works_and_its_documents_outlive_the_stack(aws, tmp_path):
    """Nothing is denied, a missing setting is reported, and the next stack finds the documents."""
    template = sam.build_function(tmp_path, **LOCAL_FUNCTION).parent / "template.yaml"
    outputs = deploy(aws, template, **LOCAL_FUNCTION)
    with aws.run_function(outputs["FunctionName"], tmp_path / "first") as function:
        function_life.exercise_function(function)
        function.invoke({"action": "ingest", "text": function_life.CAT})
    remove_bucket_settings(aws, outputs["FunctionName"])
    with aws.run_function(outputs["FunctionName"], tmp_path / "without-bucket") as function:
        assert_missing_bucket_reported(function)

    delete(aws)
    assert (
        list_stacks(aws)
        == list_policies(aws)
        == aws.make_client("lambda").list_functions()["Functions"]
        == []
    )
    outputs = deploy(aws, template, **LOCAL_FUNCTION, **read_reuse_parameters(outputs))
    with aws.run_function(outputs["FunctionName"], tmp_path / "second") as function:
        assert function_life.find_texts(function) == [function_life.CAT]

    assert aws.policies.decisions
    assert all(decision.allowed for decision in aws.policies.decisions)


def remove_bucket_settings(aws, name):
    """Remove the bucket from the function's environment."""
    functions = aws.make_client("lambda")
    environment = functions.get_function_configuration(FunctionName=name)["Environment"]
    for variable in ("S3VECTORS_BUCKET_NAME", "S3VECTORS_BUCKET"):
        del environment["Variables"][variable]
    functions.update_function_configuration(FunctionName=name, Environment=environment)


def assert_missing_bucket_reported(function):
    with pytest.raises(FunctionError) as refused:
        function.invoke({"action": "health"})
    assert str(refused.value).startswith(
        "ConfigurationError: no vector bucket is configured. Set one of: the environment variable "
        "(or .env entry) S3VECTORS_BUCKET_NAME or S3VECTORS_BUCKET; "
    )


def read_reuse_parameters(outputs):
    """Read the README's parameters for reusing the data of an earlier stack."""
    page = (sam.FOLDER / "README.md").read_text()
    command = page.partition("### Use the data of an earlier stack")[2].split("```")[1]
    parameters = dict(re.findall(r"(\w+)=([\w-]+)", command))
    assert parameters["BucketName"] == outputs["BucketName"]
    return {
        **parameters,
        "ExistingDocumentsTable": outputs["DocumentsTableName"],
        "ExistingNamespacesTable": outputs["NamespacesTableName"],
    }
