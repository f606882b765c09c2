"""Our IAM evaluator and an independent one agree, except for differences with a stated reason."""

from __future__ import annotations

from collections import Counter

import pytest

from s3vectors_local.iam import ACTIONS, Need
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from support.permissions import random_policies
from support.permissions.iam_simulate import (
    KNOWN_DECISIONS,
    KNOWN_PROBLEMS,
    AccessCheck,
    evaluate,
    find_differences,
    find_disagreements,
    run_iam_simulate,
    select_unexplained,
)

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
INDEX = f"{BUCKET}/index/my-index"
KEY = "arn:aws:kms:us-east-1:123456789012:key/mine"
RESOURCES = (
    INDEX,
    f"{BUCKET}/index/my-index-2",
    f"{BUCKET}/index/other-index",
    INDEX.replace("my-bucket", "other-bucket"),
    INDEX.replace("123456789012", "999999999999"),
    INDEX.replace("us-east-1", "eu-west-1"),
    INDEX.replace("arn:aws:", "arn:aws-cn:"),
    INDEX.replace(":bucket/", ":vector-bucket/"),
    BUCKET,
    BUCKET.replace("my-bucket", "other-bucket"),
    BUCKET.replace(":bucket/", ":vector-bucket/"),
    f"{BUCKET}/index",
    f"{BUCKET}/index/",
    f"{BUCKET}/index/*",
    "*",
)
LEVEL_POLICIES = [
    build_policy(level, BUCKET, ["my-index"], keys) for level in LEVELS for keys in ((), (KEY,))
]


def allow(actions, resources):
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {"Version": "2012-10-17", "Statement": [statement]}


HANDWRITTEN = [
    allow("s3vectors:*", "*"),
    allow("s3vectors:*", f"{BUCKET}*"),
    allow("s3vectors:Get*", "arn:aws:s3vectors:*:*:*"),
    allow("s3vectors:Get*", "arn:aws:s3vectors:*:*:*/index/my-index"),
]


def build_checks(documents):
    return [
        AccessCheck([document], Need(action, resource, {}))
        for document in documents
        for action in sorted(ACTIONS)
        for resource in RESOURCES
    ]


def build_key_checks(documents):
    contexts = [{}] + [
        {"kms:viaservice": [f"{service}.{region}.amazonaws.com"]}
        for service in ("s3vectors", "s3")
        for region in ("us-east-1", "eu-west-1")
    ]
    return [
        AccessCheck([document], Need(f"kms:{action}", key, context))
        for document in documents
        for action in ("Decrypt", "GenerateDataKey", "Encrypt")
        for key in (KEY, KEY.replace("mine", "yours"))
        for context in contexts
    ]


def evaluate_all(checks):
    return [(check, evaluate(check)) for check in checks]


def test_the_evaluators_agree_on_the_policies_of_every_level():
    """Each action is tried on the granted resources, on similar ones, and on all."""
    decisions = evaluate_all(build_checks(LEVEL_POLICIES) + build_key_checks(LEVEL_POLICIES))

    assert {allowed for _, allowed in decisions} == {True, False}
    assert select_unexplained(find_differences(decisions), requests=False) == []


def test_the_evaluators_agree_on_random_policies():
    """They have wildcards, denials, negations and conditions; the requests are realistic."""
    decisions = evaluate_all(random_policies.draw_access_checks(seed=20_261_123, requests=2_500))

    answers = Counter(allowed for _, allowed in decisions)
    assert min(answers.values()) > 500
    assert select_unexplained(find_differences(decisions), requests=True) == []


def test_the_evaluators_agree_on_random_bucket_policies():
    """The callers are users, roles, sessions and services, with and without identity policies."""
    decisions = evaluate_all(
        random_policies.draw_bucket_policy_checks(seed=20_261_128, requests=2_000)
    )

    answers = Counter(
        (check.caller.account, check.caller.is_service, allowed) for check, allowed in decisions
    )
    assert len(answers) == 6
    assert min(answers.values()) > 20
    assert select_unexplained(find_differences(decisions), requests=True) == []


def test_every_explanation_is_needed():
    """An unused explanation could hide a later difference."""
    differences = find_differences(evaluate_all(build_checks([*LEVEL_POLICIES, *HANDWRITTEN])))

    assert select_unexplained(differences, requests=False) == []
    for explanation in KNOWN_PROBLEMS:
        assert any(explanation.covers(it) for it in differences), explanation.reason
    others = [it for it in differences if it.theirs.allowed is not it.ours]
    for explanation in KNOWN_DECISIONS:
        assert any(explanation.covers(it) for it in others), explanation.reason


@pytest.mark.parametrize(
    "action, resource, allowed",
    [
        ("s3vectors:PutVectors", INDEX, True),
        ("s3vectors:GetVectors", INDEX, False),
        ("s3vectors:GetVectors", BUCKET, True),
        ("s3vectors:GetVectors", BUCKET, False),
        ("s3vectors:UpdateMetadataConfiguration", INDEX, True),
        ("s3vectors:InventVectors", INDEX, False),
    ],
)
def test_a_wrong_decision_is_detected(action, resource, allowed):
    """It may wrongly allow or deny, also for a resource that no request needs."""
    right = ("s3vectors:QueryVectors", INDEX, True)
    document = build_policy("read", BUCKET, ["my-index"])

    differences = find_disagreements([document], [right, (action, resource, allowed), right])

    assert [it.check.need for it in differences] == [Need(action, resource, {})]


def test_right_decisions_cause_no_disagreement():
    """Two policies may allow them together."""
    documents = [build_policy("read", BUCKET, ["my-index"]), allow("s3vectors:PutVectors", INDEX)]
    decisions = [("s3vectors:GetIndex", INDEX, True), ("s3vectors:PutVectors", INDEX, True)]

    assert find_disagreements(documents, decisions) == []


def test_an_invalid_policy_is_an_error():
    """An error does not count as agreement."""
    invalid = {"Statement": [{"Effect": "Maybe"}]}

    with pytest.raises(RuntimeError, match="cannot evaluate: .*identityPolicyErrors"):
        run_iam_simulate([AccessCheck([invalid], Need("s3vectors:GetIndex", INDEX, {}))])
