"""`doctor` tries each action of a level."""

from __future__ import annotations

import json

import pytest

from s3vectors_local import Policies
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.settings import resolve_settings
from support import providers, tool
from support.doctor_setup import ARN, KINDS, enforce_policy, find_problems


def deny_action(level, action):
    """Deny an action of a level from now on."""
    document = build_policy(level, ARN, KINDS)
    for statement in document["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != f"s3vectors:{action}"]
    enforce_policy(document)


@pytest.mark.parametrize("action", ["GetVectors", "ListVectors", "QueryVectors", "DeleteVectors"])
def test_a_denied_action_is_one_finding(three_indexes, action):
    """With all ARNs. The other actions are still tried, and nothing is written."""
    deny_action("read-write", action)

    [(check, text, fix)] = find_problems()

    arns = ", ".join(f"{ARN}/index/{kind}" for kind in sorted(KINDS))
    assert check == "permissions"
    assert f"s3vectors:{action} is not allowed on {arns}" in text
    assert fix.startswith(f"allow s3vectors:{action} on {arns}")
    providers.close_engines()
    assert not tool.read_contents(
        providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    )


@pytest.mark.parametrize(
    "action, checks",
    [("GetIndex", KINDS), ("PutVectors", [f"round trip in {kind}" for kind in KINDS])],
)
def test_a_denied_get_index_or_put_vectors_is_reported_for_each_index(
    three_indexes, action, checks
):
    """GetIndex describes an index, and PutVectors is its round trip."""
    deny_action("read-write", action)

    problems = find_problems()

    assert [check for check, _, _ in problems] == [*checks]
    for kind, (_, _, fix) in zip(KINDS, problems, strict=True):
        assert f"allow s3vectors:{action} on {ARN}/index/{kind}" in fix


@pytest.mark.parametrize(
    "action", ["CreateIndex", "UpdateIndexMode", "ListIndexes", "GetVectorBucket"]
)
def test_a_denied_action_of_manage_indexes_is_one_finding(three_indexes, action):
    """If that level is checked. The actions that Stache needs are still tried."""
    deny_action("manage-indexes", action)

    [(_, text, _)] = find_problems("--level", "manage-indexes")
    shown = tool.run("doctor", "--level", "manage-indexes").stdout

    assert f"s3vectors:{action}" in text
    assert "round trip in documents: inserted" in shown
    assert (
        "round trip in documents: inserted"
        in tool.run("doctor", "--level", "manage-indexes").stdout
    )


def test_an_action_that_would_change_something_is_reported_as_not_tried(three_indexes):
    """AWS does not document what happens if a text search is added again."""
    shown = tool.run("doctor", "--level", "manage-indexes").stdout

    assert "UpdateMetadataConfiguration not tried: a call would change something" in shown


def test_a_policy_of_the_level_is_enough(three_indexes):
    """And `doctor` uses all of its actions that can be tried."""
    for level in LEVELS:
        document = build_policy(level, ARN, KINDS)
        providers.close_engines()
        policies = Policies(json.dumps(document))
        providers.open_engine("local:data", policies=policies)

        assert find_problems("--level", level) == []
        left = "s3vectors:UpdateMetadataConfiguration was granted and never used"
        assert all(left in line for line in policies.list_unused())


def test_a_disabled_customer_key_is_not_reported_as_allowed(three_indexes):
    """KMS refuses with status 400, which is not a denial."""
    client = providers.connections.get_client(resolve_settings(providers.Settings()))
    body = b'{"message":"The key is disabled"}'
    disabled = providers.HttpResponse(400, {"x-amzn-errortype": "KmsDisabledException"}, body)
    providers.set_responses(client, "GetVectors", *[disabled] * 9)

    problems = find_problems("--level", "read", "--index", "documents")

    assert problems
    assert all("check the customer key" in fix for _, _, fix in problems)
