"""Our IAM evaluator and an independent one agree, except for differences with a stated reason."""

from __future__ import annotations

from collections import Counter

import pytest

import random_policies
from s3vectors_local.iam import ACTIONS, Need
from second_opinion import (
    UNKNOWN,
    WRONG,
    Question,
    ask_iam_simulate,
    decide,
    find_differences,
    find_disagreements,
    select_unargued,
)
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy

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


def build_questions(documents):
    return [
        Question([document], Need(action, resource, {}))
        for document in documents
        for action in sorted(ACTIONS)
        for resource in RESOURCES
    ]


def build_key_questions(documents):
    contexts = [{}] + [
        {"kms:viaservice": [f"{service}.{region}.amazonaws.com"]}
        for service in ("s3vectors", "s3")
        for region in ("us-east-1", "eu-west-1")
    ]
    return [
        Question([document], Need(f"kms:{action}", key, context))
        for document in documents
        for action in ("Decrypt", "GenerateDataKey", "Encrypt")
        for key in (KEY, KEY.replace("mine", "yours"))
        for context in contexts
    ]


def decide_all(questions):
    return [(question, decide(question)) for question in questions]


def test_the_evaluators_agree_on_the_policies_of_every_level():
    """On each action with the granted resources, similar ones, and all."""
    decisions = decide_all(build_questions(LEVEL_POLICIES) + build_key_questions(LEVEL_POLICIES))

    assert {allowed for _, allowed in decisions} == {True, False}
    assert select_unargued(find_differences(decisions), requests=False) == []


def test_the_evaluators_agree_on_random_policies():
    """They have wildcards, denials, negations and conditions; the requests are realistic."""
    decisions = decide_all(random_policies.draw_questions(seed=20_261_123, requests=2_500))

    answers = Counter(allowed for _, allowed in decisions)
    assert min(answers.values()) > 500
    assert select_unargued(find_differences(decisions), requests=True) == []


def test_the_evaluators_agree_on_random_bucket_policies():
    """With or without identity policies, for users, roles, sessions and services."""
    decisions = decide_all(random_policies.draw_shared_questions(seed=20_261_128, requests=2_000))

    answers = Counter((q.caller.account, q.caller.is_service, allowed) for q, allowed in decisions)
    assert len(answers) == 6
    assert min(answers.values()) > 20
    assert select_unargued(find_differences(decisions), requests=True) == []


def test_every_stated_reason_is_needed():
    """An unused reason could hide a later difference."""
    differences = find_differences(decide_all(build_questions([*LEVEL_POLICIES, *HANDWRITTEN])))

    assert select_unargued(differences, requests=False) == []
    for argument in UNKNOWN:
        assert any(argument.covers(it) for it in differences), argument.reason
    others = [it for it in differences if it.theirs.allowed is not it.ours]
    for argument in WRONG:
        assert any(argument.covers(it) for it in others), argument.reason


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
    """Whether it wrongly allows or denies, also for a resource that no request needs."""
    right = ("s3vectors:QueryVectors", INDEX, True)
    document = build_policy("read", BUCKET, ["my-index"])

    differences = find_disagreements([document], [right, (action, resource, allowed), right])

    assert [it.question.need for it in differences] == [Need(action, resource, {})]


def test_right_decisions_cause_no_disagreement():
    """Even if two policies together allow them."""
    documents = [build_policy("read", BUCKET, ["my-index"]), allow("s3vectors:PutVectors", INDEX)]
    decisions = [("s3vectors:GetIndex", INDEX, True), ("s3vectors:PutVectors", INDEX, True)]

    assert find_disagreements(documents, decisions) == []


def test_an_invalid_policy_is_an_error():
    """An error does not count as agreement."""
    invalid = {"Statement": [{"Effect": "Maybe"}]}

    with pytest.raises(RuntimeError, match="no opinion: .*identityPolicyErrors"):
        ask_iam_simulate([Question([invalid], Need("s3vectors:GetIndex", INDEX, {}))])
