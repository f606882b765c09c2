"""The policies: each level allows what it is for, and nothing more."""

from __future__ import annotations

import copy
import json
from itertools import pairwise

import pytest
from botocore import session

from s3vectors_local import Engine, Policies
from s3vectors_local.arns import Caller
from s3vectors_local.errors import ServiceError
from s3vectors_local.iam import Need
from stache_ai_s3vectors import AccessDeniedError
from stache_ai_s3vectors.aws.provision import create_index
from stache_ai_s3vectors.service.arns import format_via_service
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from support import providers

VECTOR = [1.0, 2.0, 3.0, 4.0]
ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
KEYS = "arn:aws:kms:us-east-1:123456789012:key/"


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
    store = providers.create_provider("made-index")
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
    providers.close_engines()
    providers.create_older_index(providers.create_provider(s3vectors_endpoint_url="local:data"))
    providers.close_engines()
    policies = Policies(json.dumps(document))
    providers.open_engine("local:data", policies=policies)
    create_provider = providers.create_provider

    def provider(index=None, **settings):
        defaults = {"s3vectors_endpoint_url": "local:data", "s3vectors_create_index": False}
        return create_provider(index, **{**defaults, **settings})

    monkeypatch.setattr(providers, "create_provider", provider)
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
        providers.create_provider("other-index").count_by_filter({})
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
    """The policy does not allow decrypting anything else that a shared key encrypts."""
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
        name = format_via_service(partition["id"], "some-region-1")
        assert name == f"s3vectors.some-region-1.{partition['outputs']['dnsSuffix']}"


def test_each_level_includes_the_actions_of_those_before_it():
    """The list is in this order."""
    levels = list(LEVELS.values())

    for less, more in pairwise(levels):
        assert {*less.index} < {*more.index}
        assert {*less.bucket} <= {*more.bucket}
        assert {*less.key} <= {*more.key}


def test_an_engine_with_policies_denies_by_default():
    """The tests above rely on it."""
    engine = Engine(policies=Policies(json.dumps(build_policy("read", ARN, ["documents"]))))

    with pytest.raises(Exception, match="is not authorized to perform: s3vectors:CreateVector"):
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})

    engine.close()
