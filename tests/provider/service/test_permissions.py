"""The policies: each level allows what it is for, and nothing more."""

from __future__ import annotations

import copy
import json
from itertools import pairwise

import pytest
from botocore import session
from click.testing import CliRunner

import stache
from s3vectors_local import Engine, Policies
from s3vectors_local.arns import Caller
from s3vectors_local.errors import ServiceError
from s3vectors_local.iam import Need
from stache_ai_s3vectors import AccessDeniedError
from stache_ai_s3vectors.aws.provision import create_index
from stache_ai_s3vectors.service.arns import format_service_host
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.tool.main import main

VECTOR = [1.0, 2.0, 3.0, 4.0]
ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
KEYS = "arn:aws:kms:us-east-1:123456789012:key/"
ARGUMENTS = ["--bucket", ARN, "--index", "documents"]


def read(provider):
    """Make the calls of a program that only searches."""
    provider.search(VECTOR, filter={"a": "b"}, namespace="ns/*")
    provider.search_summaries(VECTOR)
    provider.get_by_ids(["a"])
    provider.get_vectors_with_embeddings(["a"])
    provider.count_by_filter({})
    provider.list_by_filter({})
    provider.scan_by_metadata()
    provider.get_collection_info(count=True)


def read_write(provider):
    """Make the calls of Stache."""
    ids = provider.insert([VECTOR], ["t"], [{"a": "b"}], namespace="ns")
    read(provider)
    provider.update_status(ids, "ns", "deleting")
    provider.delete_by_metadata("a", "b")
    provider.delete(ids, namespace="ns")
    provider.delete(ids)


def manage(provider):
    """Make the calls of the operator's tool."""
    create_index(provider.client, provider._options, "made-index")
    store = stache.create_provider("made-index")
    read_write(store)
    provider.client.list_indexes(vectorBucketName="my-bucket")
    provider.client.update_index_mode(
        vectorBucketName="my-bucket", indexName="documents", indexMode="ENHANCED"
    )
    provider.client.update_metadata_configuration(
        vectorBucketName="my-bucket",
        indexName="documents",
        add={"textSearchConfigurations": [{"metadataKey": "text"}]},
    )


USES = {"read": read, "read-write": read_write, "manage-indexes": manage}


def create_with_policy(document, monkeypatch):
    """Create a provider whose calls a policy restricts, on an index that exists."""
    stache.close_engines()
    stache.create_older_index(stache.create_provider(s3vectors_endpoint_url="local:data"))
    stache.close_engines()
    policies = Policies(json.dumps(document))
    stache.open_engine("local:data", policies=policies)
    create_provider = stache.create_provider

    def provider(index=None, **settings):
        defaults = {"s3vectors_endpoint_url": "local:data", "s3vectors_create_index": False}
        return create_provider(index, **{**defaults, **settings})

    monkeypatch.setattr(stache, "create_provider", provider)
    return provider(), policies


def build_document(level):
    indexes = ["documents", "made-index"] if level == "manage-indexes" else ["documents"]
    return build_policy(level, ARN, indexes)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_allows_its_calls_and_has_no_unused_action(level, monkeypatch):
    """The engine enforces the permissions."""
    provider, policies = create_with_policy(build_document(level), monkeypatch)

    USES[level](provider)

    assert policies.list_unused() == []


@pytest.mark.parametrize(
    "level, action",
    [(name, action) for name, level in LEVELS.items() for action in level.index + level.bucket],
)
def test_a_level_without_one_of_its_actions_denies_a_call(level, action, monkeypatch):
    """So every action is necessary."""
    document = copy.deepcopy(build_document(level))
    for statement in document["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != f"s3vectors:{action}"]
    document["Statement"] = [s for s in document["Statement"] if s["Action"]]
    provider, _ = create_with_policy(document, monkeypatch)

    with pytest.raises((AccessDeniedError, provider.client.exceptions.AccessDeniedException)):
        USES[level](provider)


@pytest.mark.parametrize("level", ["read", "read-write"])
def test_a_level_allows_no_other_index_and_no_call_of_the_next_level(level, monkeypatch):
    """The engine denies both."""
    provider, _ = create_with_policy(build_document(level), monkeypatch)
    denied = (AccessDeniedError, provider.client.exceptions.AccessDeniedException)
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}

    with pytest.raises(denied):
        stache.create_provider("other-index").count_by_filter({})
    with pytest.raises(denied):
        provider.client.list_indexes(vectorBucketName="my-bucket")
    with pytest.raises(denied):
        provider.client.delete_index(**names)
    if level == "read":
        with pytest.raises(denied):
            provider.insert([VECTOR], ["t"])
        with pytest.raises(denied):
            provider.delete(["a"])


def test_the_actions_are_operations_of_the_service():
    """In S3 Vectors, each IAM action is one operation."""
    names = session.get_session().get_service_model("s3vectors").operation_names

    assert {a for level in LEVELS.values() for a in level.index + level.bucket} <= set(names)


def test_a_grant_on_a_key_is_for_s3_vectors_only():
    """The policy does not allow to decrypt anything else that a shared key encrypts."""
    policies = Policies(build_policy("manage-indexes", ARN, ["documents"], [f"{KEYS}1234"]))
    hosts = {
        "s3vectors.us-east-1.amazonaws.com": True,
        "s3vectors.eu-west-1.amazonaws.com": False,
        "s3.us-east-1.amazonaws.com": False,
        None: False,
    }

    allowed = {host: is_allowed(policies, host) for host in hosts}

    assert allowed == hosts


def is_allowed(policies, host):
    """Check whether policies allow a service to use the key; None is the caller itself."""
    context = {} if host is None else {"kms:viaservice": [host]}
    try:
        policies.check([Need("kms:Decrypt", f"{KEYS}1234", context)], Caller(identity="role/its"))
    except ServiceError:
        return False
    return True


def test_the_host_names_are_those_of_the_sdk():
    """This holds for every partition in botocore's list."""
    partitions = session.get_session().get_data("partitions")["partitions"]

    assert len(partitions) >= 8
    for partition in partitions:
        host = format_service_host(partition["id"], "some-region-1")
        assert host == f"s3vectors.some-region-1.{partition['outputs']['dnsSuffix']}"


def test_each_level_includes_the_actions_of_those_before_it():
    """The list is in this order."""
    levels = list(LEVELS.values())

    for less, more in pairwise(levels):
        assert {*less.index} < {*more.index}
        assert {*less.bucket} <= {*more.bucket}
        assert {*less.key} <= {*more.key}


def run(*arguments):
    return CliRunner().invoke(main, ["policy", *arguments])


def test_the_command_takes_a_name_or_an_arn():
    """It takes other partitions as well."""
    parts = ["--account", "123456789012", "--region", "us-east-1", "--index", "documents"]

    by_name, by_arn = run("--bucket", "my-bucket", *parts), run(*ARGUMENTS)
    china = run("--bucket", "my-bucket", *parts, "--partition", "aws-cn")

    assert by_name.output == by_arn.output
    assert json.loads(by_arn.output) == build_policy("read-write", ARN, ["documents"])
    assert '"arn:aws-cn:s3vectors:us-east-1:123456789012:bucket/my-bucket/' in china.output


def test_the_command_grants_the_use_of_a_customer_managed_key():
    """Vectors only need to decrypt, and only what S3 Vectors encrypts in the region."""
    key = "arn:aws:kms:us-east-1:123456789012:key/1234"

    statements = {
        level: json.loads(run(*ARGUMENTS, "--kms-key", key, "--level", level).output)["Statement"]
        for level in LEVELS
    }

    through = {"StringEquals": {"kms:ViaService": "s3vectors.us-east-1.amazonaws.com"}}
    decrypt = {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key]}
    assert statements["read"][-1] == {**decrypt, "Condition": through}
    assert statements["read-write"][-1] == statements["read"][-1]
    assert statements["manage-indexes"][-1] == {
        **statements["read"][-1],
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    }


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["--bucket", "my-bucket", "--index", "a"], "give --account (twelve digits), --region"),
        (["--bucket", "arn:aws:s3vectors:x:1:vector-bucket/b", "--index", "a"], "is not the ARN"),
        ([*ARGUMENTS, "--region", "eu-west-1"], "--region contradicts the bucket's ARN"),
        ([*ARGUMENTS, "--kms-key", "alias/mine"], "is not the ARN of a KMS key"),
        ([*ARGUMENTS, "--kms-key", f"{KEYS}*"], "wildcards and aliases are not accepted"),
        ([*ARGUMENTS, "--kms-key", f"{KEYS}12?4"], "wildcards and aliases are not accepted"),
        ([*ARGUMENTS, "--kms-key", f"{KEYS}1234/*"], "wildcards and aliases are not accepted"),
        (
            [*ARGUMENTS, "--kms-key", f"{KEYS.replace('us-east-1', 'eu-west-1')}1234"],
            "is in eu-west-1 and the bucket in us-east-1",
        ),
        ([*ARGUMENTS, "--level", "write"], "'write' is not one of 'read', 'read-write'"),
        ([], "no vector bucket is configured"),
    ],
)
def test_the_command_refuses_wrong_arguments(arguments, problem):
    """The exit code is 2."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert problem in result.output


def test_bucket_and_indexes_default_to_those_of_the_settings(monkeypatch):
    """Only the account is not in the provider's settings."""
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")
    monkeypatch.setenv("S3VECTORS_REGION", "us-east-1")
    for kind in ("documents", "summaries", "insights"):
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", kind)

    printed = json.loads(run("--account", "123456789012").output)

    assert printed == build_policy("read-write", ARN, ["documents", "summaries", "insights"])


def test_an_engine_with_policies_denies_by_default():
    """The tests above rely on it."""
    engine = Engine(policies=Policies(json.dumps(build_policy("read", ARN, ["documents"]))))

    with pytest.raises(Exception, match="is not authorized to perform: s3vectors:CreateVector"):
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})

    engine.close()
