"""Permissions on the Terraform module's resources, as a simulated AWS evaluates them."""

from __future__ import annotations

import json

import pytest

from stache_ai_s3vectors import AccessDeniedError, S3VectorsProvider, Settings
from support import plugins, tool
from support.deployment import terraform, terraform_readme
from support.deployment.function_life import CAT
from support.deployment.terraform_readme import BUCKET
from word_hashing import WordHashingEmbeddings, embed

ARN = f"arn:aws:s3vectors:{terraform.REGION}:{terraform.ACCOUNT}:bucket/{BUCKET}"
DOCUMENTS = f"{ARN}/index/documents-1024"
POLICY = f"arn:aws:iam::{terraform.ACCOUNT}:policy/{BUCKET}-{terraform.REGION}"
INDEXES = ["documents-1024", "insights-1024", "summaries-1024"]

ADMINISTRATION = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{terraform.ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
INDEXING = {
    "Effect": "Allow",
    "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
    "Condition": {"ArnLike": {"aws:SourceArn": f"{ARN}/*"}},
}
OUTPUT = 'output "key" {\n  value = module.stache_vectors.kms_key_arn\n}\n'
REFUSED = "Insufficient access to perform asynchronous indexing"


@pytest.fixture
def make_store_workspace(aws, tmp_path):
    """Return a function that makes a folder to deploy the module, or code of the page, from."""

    def make(variables=None, *code):
        part, endpoints = "examples/basic" if code else ".", terraform.point_everywhere(aws.url)
        folder = terraform.make_workspace(tmp_path / "store", part, endpoints=endpoints)
        if code:
            terraform_readme.write_configuration(folder, *code)
        return folder.set_variables(variables or {})

    return make


@pytest.fixture
def assume_role(aws, monkeypatch):
    """Return a function that creates a role and sets this process's environment to use it."""

    def create_and_assume(name, environment):
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = aws.make_client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        for variable, value in {**environment, **aws.assume_role(role["Role"]["Arn"])}.items():
            monkeypatch.setenv(variable, value)

    return create_and_assume


def list_index_names(aws):
    """List the names of the existing indexes."""
    listed = aws.make_client("s3vectors").list_indexes(vectorBucketName=BUCKET)["indexes"]
    return sorted(index["indexName"] for index in listed)


class WideEmbeddings(WordHashingEmbeddings):
    """A new model with the page's 3,072 dimensions."""

    def embed_batch(self, texts, **_):
        """Embed each text."""
        return [embed(text) * 3 for text in texts]

    def get_dimensions(self):
        """Return the number of dimensions."""
        return 3072


def test_a_role_with_read_write_can_switch_to_a_new_model(
    aws, make_store_workspace, assume_role, monkeypatch
):
    """As on the page, the role's policy follows the indexes, and the old vectors stay."""
    deployed = make_store_workspace({}, terraform_readme.read_usage())
    assume_role("writer", deployed.apply()["environment"])
    aws.make_client("iam").attach_role_policy(RoleName="writer", PolicyArn=f"{POLICY}-read-write")
    S3VectorsProvider(Settings()).insert([embed(CAT)], [CAT], ids=["cat"])

    for variable, value in switch_model(deployed, monkeypatch).items():
        monkeypatch.setenv(variable, value)
    [cat] = S3VectorsProvider(Settings()).search(embed("where does the cat sleep?") * 3)

    assert (cat["id"], cat["text"]) == ("cat", CAT)
    assert all(decision.allowed for decision in aws.policies.decisions)
    vectors = aws.make_client("s3vectors").list_vectors(indexArn=DOCUMENTS)["vectors"]
    assert [vector["key"] for vector in vectors] == ["cat"]
    assert deployed.list_changes() == {}


def switch_model(deployed, monkeypatch):
    """Follow the page's recipe with a test model, and return the final environment."""
    title, output = "A new embedding model", terraform_readme.read_usage().partition("\n\n")[2]
    module, switch = terraform_readme.read_blocks(title, "hcl")
    terraform_readme.write_configuration(deployed, module, output)
    deployed.apply()
    for line in terraform_readme.read_commands(title, "export"):
        for variable in line:
            monkeypatch.setenv(*variable.split("=", 1))
    plugins.register_provider("embeddings", "wide", WideEmbeddings)
    monkeypatch.setenv("EMBEDDING_PROVIDER", "wide")
    for command in terraform_readme.read_commands(title, "stache-s3vectors"):
        tool.run_checked(*command)
    terraform_readme.write_configuration(
        deployed, module.rstrip().removesuffix("}") + switch + "}\n", output
    )
    return deployed.apply()["environment"]


def test_destroying_an_attached_policy_fails(aws, make_store_workspace, assume_role):
    """The page says so, and `destroy` succeeds once the policy is detached."""
    deployed, iam = make_store_workspace({"retain_data": False}), aws.make_client("iam")
    assume_role("reader", deployed.apply()["environment"])
    attached = {"RoleName": "reader", "PolicyArn": f"{POLICY}-read"}
    iam.attach_role_policy(**attached)

    message = deployed.read_refusal("apply", "-destroy", "-auto-approve")
    remaining = deployed.list_resources()
    iam.detach_role_policy(**attached)
    deployed.destroy()

    assert "DeleteConflict" in message
    assert "DeleteConflict" in terraform_readme.README
    assert 'aws_iam_policy.this["read"]' in remaining
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_a_customer_key_that_s3_vectors_may_not_use_is_an_error(aws, make_store_workspace):
    """Once the key policy allows the service, the next apply succeeds."""
    kms = aws.make_client("kms")
    key = kms.create_key(Policy=build_key_policy(ADMINISTRATION))["KeyMetadata"]
    deployed = make_store_workspace({"kms_key_arn": key["Arn"]})

    message = deployed.read_refusal("apply", "-auto-approve")
    before = list_index_names(aws)
    policy = build_key_policy(ADMINISTRATION, INDEXING)
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    deployed.apply()

    assert "creating S3 Vectors Index (documents-1024)" in message
    assert REFUSED in message
    assert REFUSED in terraform_readme.README
    assert (before, list_index_names(aws)) == ([], INDEXES)
    assert deployed.list_changes() == {}


def build_key_policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_s3_vectors_may_use_the_key_of_the_page(aws, make_store_workspace):
    """The page's condition names the bucket."""
    make_store_workspace(
        {}, *terraform_readme.read_blocks("A customer key of your own", "hcl")
    ).apply()

    assert list_index_names(aws) == INDEXES


READER = "arn:aws:iam::111122223333:role/search"
READS = "Give a function in another account access"


def create_foreign_client(aws, arn, *more):
    """Create a client for a role of another account with the policy of the page's command."""
    [command] = terraform_readme.read_commands(READS, "stache-s3vectors")
    document = json.loads(tool.run_checked(*command, *more))
    return aws.make_client("s3vectors", aws.create_foreign_role_environment(arn, document))


def query(client):
    """Search by the index's ARN, as for a bucket of another account."""
    vector = {"float32": embed(CAT)}
    return client.query_vectors(indexArn=DOCUMENTS, topK=1, queryVector=vector)["vectors"]


def test_a_role_of_another_account_reads_if_both_accounts_allow_it(aws, make_store_workspace):
    """The key is a created one. The role cannot delete, and another role cannot read."""
    [code] = terraform_readme.read_blocks(READS, "hcl")
    module = code.replace("readers =", "create_kms_key = true\n  retain_data = false\n  readers =")
    deployed = make_store_workspace({}, module, OUTPUT)
    key = ("--kms-key", deployed.apply()["key"])

    reader = create_foreign_client(aws, READER, *key)
    matches = query(reader)
    with pytest.raises(reader.exceptions.AccessDeniedException, match="DeleteVectors"):
        reader.delete_vectors(indexArn=DOCUMENTS, keys=["cat"])
    stranger = create_foreign_client(aws, READER.replace("search", "other"), *key)
    with pytest.raises(stranger.exceptions.AccessDeniedException, match="QueryVectors"):
        query(stranger)

    assert matches == []


def test_a_policy_on_vector_bucket_arns_allows_nothing(aws, make_store_workspace, assume_role):
    """The older package's documents use such ARNs. The error has the correct ARN."""
    outputs, iam = make_store_workspace().apply(), aws.make_client("iam")
    assume_role("reader", outputs["environment"])
    response = iam.get_policy_version(PolicyArn=outputs["policy_arns"]["read"], VersionId="v1")
    right = json.dumps(response["PolicyVersion"]["Document"])
    wrong = right.replace(":bucket/", ":vector-bucket/")
    inline, provider = (
        {"RoleName": "reader", "PolicyName": "vectors"},
        S3VectorsProvider(Settings()),
    )
    iam.put_role_policy(**inline, PolicyDocument=wrong)

    with pytest.raises(AccessDeniedError) as refused:
        provider.search(embed(CAT))
    iam.put_role_policy(**inline, PolicyDocument=right)

    missing = f"not authorized to perform: s3vectors:GetIndex on resource: {DOCUMENTS}"
    assert missing in str(refused.value)
    assert provider.search(embed(CAT)) == []
