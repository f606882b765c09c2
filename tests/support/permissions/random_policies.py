"""Random policies, and requests that they may allow or deny."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from s3vectors_local import Caller
from s3vectors_local.engine import OPERATIONS
from s3vectors_local.iam import ACTIONS, Need, find_needs
from support.permissions.iam_simulate import NEWER, AccessCheck

BUCKETS: Final = ("documents", "documents-2", "others")
INDEXES: Final = ("chunks", "chunks.old", "summaries-1024")
TAGS: Final = {"team": ("a", "B", "search*", ""), "Stage": ("prod", "Prod", "a b+c.d")}
KEY: Final = "arn:aws:kms:us-east-1:123456789012:key/mine"
ENCRYPTIONS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"sseType": "AES256"},
    {"sseType": "aws:kms", "kmsKeyArn": KEY},
)
OWNER: Final = Caller()
CALLERS: Final = (
    Caller(identity="role/reader"),
    Caller(identity="role/service-role/writer"),
    Caller(identity="user/ann"),
    Caller("222233334444", identity="role/reader"),
    Caller("222233334444", identity="assumed-role/reader/its-session"),
    Caller("222233334444", identity="user/bob"),
    Caller(identity="lambda.amazonaws.com"),
)
KINDS: Final = ("aws:ResourceTag", "aws:RequestTag", "s3vectors:VectorBucketTag")
TAG_KEYS: Final = "aws:TagKeys"
TEXTS: Final = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
ARNS: Final = ("ArnEquals", "ArnLike")


def draw_access_checks(seed: int, requests: int) -> list[AccessCheck]:
    """Draw one or more checks for each request. The same seed draws the same checks."""
    draw = Random(seed)
    return [check for _ in range(requests) for check in _draw_access_checks(draw)]


def _draw_access_checks(draw: Random) -> list[AccessCheck]:
    """Draw a request, and policies that often match it. Return a check for each of its needs."""
    needed = _draw_needs(draw)
    target = draw.choice(needed)
    documents = [
        {
            "Version": "2012-10-17",
            "Statement": _draw_some(draw, lambda: _draw_statement(draw, target)),
        }
        for _ in range(draw.choice((1, 1, 2)))
    ]
    return [AccessCheck(documents, need) for need in needed]


def draw_bucket_policy_checks(seed: int, requests: int) -> list[AccessCheck]:
    """Draw checks with a bucket policy and callers of two accounts."""
    draw = Random(seed)
    return [check for _ in range(requests) for check in _draw_bucket_policy_checks(draw)]


def _draw_bucket_policy_checks(draw: Random) -> list[AccessCheck]:
    caller = draw.choice(CALLERS)
    needed = _draw_needs(draw, caller)
    target = draw.choice(needed)
    documents = [
        {
            "Version": "2012-10-17",
            "Statement": _draw_some(draw, lambda: _draw_statement(draw, target)),
        }
    ]
    bucket_policy = {
        "Version": "2012-10-17",
        "Statement": _draw_some(draw, lambda: _draw_bucket_statement(draw, target, caller)),
    }
    if caller.is_service or draw.random() < 0.2:
        documents = []
    # An action without a resource has no bucket. iam-simulate fails on unknown actions
    document = None if target.resource == "*" else bucket_policy
    return [
        AccessCheck(documents, need, caller, document)
        for need in needed
        if need.action.partition(":")[2] not in NEWER
    ]


def _draw_bucket_statement(draw: Random, target: Need, caller: Caller) -> dict[str, Any]:
    kind = "Service" if caller.is_service else "AWS"
    account = caller.account
    other = draw.choice(CALLERS)
    names = [
        caller.role or caller.principal,
        caller.role or caller.principal,
        caller.principal,
        account if kind == "AWS" else caller.principal,
        f"arn:aws:iam::{account}:root" if kind == "AWS" else caller.principal,
    ]
    own = {kind: _draw_some(draw, lambda: draw.choice(names))}
    others = {"Service" if other.is_service else "AWS": other.role or other.principal}
    statement = _draw_statement(draw, target)
    # A bucket policy names only its own resources, and S3 Vectors' actions
    statement = {
        "NotResource" if "NotResource" in statement else "Resource": target.resource,
        "NotAction" if "NotAction" in statement else "Action": target.action,
    } | {name: statement[name] for name in ("Effect", "Condition") if name in statement}
    return statement | {"Principal": draw.choice((own, own, own, own, others, "*", {"AWS": "*"}))}


def _draw_needs(draw: Random, caller: Caller = OWNER) -> list[Need]:
    operation = draw.choice(sorted(OPERATIONS))
    bucket, index = draw.choice(BUCKETS), draw.choice(INDEXES)
    arn = Caller().format_bucket_arn(bucket)
    request: dict[str, Any] = {"vectorBucketName": bucket, "indexName": index}
    if operation.endswith(("agResource", "ForResource")):
        request = {"resourceArn": draw.choice((arn, f"{arn}/index/{index}"))}
    if operation in {"CreateIndex", "CreateVectorBucket", "TagResource"}:
        request |= {"tags": _draw_tags(draw), "encryptionConfiguration": draw.choice(ENCRYPTIONS)}
    if operation == "UntagResource":
        request["tagKeys"] = draw.sample(sorted(TAGS), draw.choice((1, 2)))
    if draw.random() < 0.5:
        request["returnMetadata"] = True
    tags = {resource: _draw_tags(draw) for resource in (arn, f"{arn}/index/{index}")}
    needed = find_needs(operation, request, caller, tags.get)
    # The bucket belongs to one account, whoever the caller is
    owner = f":{OWNER.account}:"
    return [
        replace(need, resource=need.resource.replace(f":{caller.account}:", owner))
        for need in needed
    ]


def _draw_tags(draw: Random) -> dict[str, str]:
    return {key: draw.choice(values) for key, values in TAGS.items() if draw.random() < 0.5}


def _draw_statement(draw: Random, target: Need) -> dict[str, Any]:
    resources = [target.resource] * 4 + [_draw_needs(draw)[0].resource]
    actions = [target.action] * 4 + sorted(ACTIONS)
    action = draw.choice(("Action",) * 4 + ("NotAction",))
    resource = draw.choice(("Resource",) * 4 + ("NotResource",))
    statement: dict[str, Any] = {
        "Effect": draw.choice(("Allow", "Allow", "Allow", "Deny")),
        action: _draw_some(draw, lambda: _draw_action(draw, draw.choice(actions))),
        resource: _draw_some(draw, lambda: _draw_resource(draw, draw.choice(resources))),
    }
    if draw.random() < 0.6:
        statement["Condition"] = dict(
            [_draw_condition(draw, target.context) for _ in range(draw.choice((1, 1, 2)))]
        )
    return statement


def _draw_some(draw: Random, draw_one: Any) -> Any:
    """Draw one value, or a list of up to three."""
    return (
        draw_one() if draw.random() < 0.5 else [draw_one() for _ in range(draw.choice((1, 2, 3)))]
    )


def _draw_action(draw: Random, action: str) -> str:
    service, name = action.split(":")
    if draw.random() < 0.1:
        return "*"
    return f"{_change_case(draw, service)}:{_change_case(draw, _add_wildcards(draw, name))}"


def _change_case(draw: Random, text: str) -> str:
    return draw.choice((text, text, text.lower(), text.swapcase()))


def _draw_resource(draw: Random, resource: str) -> str:
    return "*" if resource == "*" or draw.random() < 0.1 else _draw_arn(draw, resource)


def _draw_arn(draw: Random, arn: str) -> str:
    start, partition, service, region, account, rest = arn.split(":")
    kind, slash, name = rest.partition("/")
    pattern = "*" if draw.random() < 0.1 else kind + slash + _add_wildcards(draw, name)
    others = [_add_wildcards(draw, part, 0.2) for part in (region, account)]
    return ":".join([start, _add_wildcards(draw, partition, 0.1), service, *others, pattern])


def _add_wildcards(draw: Random, text: str, probability: float = 0.6) -> str:
    """Insert wildcards into a text, or replace parts of it with wildcards."""
    while text and draw.random() < probability:
        first = draw.randrange(len(text))
        wildcard, length = draw.choice((("*", 0), ("*", 3), ("*", len(text)), ("?", 1), ("?", 0)))
        text = text[:first] + wildcard + text[first + length :]
        probability /= 2
    return text


def _draw_condition(draw: Random, context: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    kind = draw.choice(("tag", "tag", "keys", "type", "key", "null"))
    if kind == "key":
        arn = draw.choice((KEY, f"{KEY}s"))
        return _draw_operator(draw, ARNS), {
            "s3vectors:kmsKeyArn": _draw_some(draw, lambda: _draw_arn(draw, arn))
        }
    if kind == "type":
        algorithm = draw.choice(("AES256", "aws:kms", "AWS:KMS"))
        return _draw_operator(draw, TEXTS), {
            "s3vectors:sseType": _draw_some(draw, lambda: algorithm)
        }
    if kind == "keys":
        operator = draw.choice(("ForAnyValue:", "ForAllValues:")) + _draw_base_operator(draw, TEXTS)
        return operator, {
            TAG_KEYS: _draw_some(draw, lambda: draw.choice(("team", "Stage", "s*", "*")))
        }
    key, values = draw.choice(sorted(TAGS.items()))
    name = f"{draw.choice(KINDS)}/{_change_case(draw, key)}"
    if kind == "null":
        return "Null", {draw.choice((name, TAG_KEYS, *context)): draw.choice(("true", "false"))}
    return _draw_operator(draw, TEXTS), {
        name: _draw_some(draw, lambda: _add_wildcards(draw, draw.choice(values), 0.3))
    }


def _draw_operator(draw: Random, operators: tuple[str, ...]) -> str:
    return _draw_base_operator(draw, operators) + draw.choice(("", "", "IfExists"))


def _draw_base_operator(draw: Random, operators: tuple[str, ...]) -> str:
    operator = draw.choice(operators)
    kind = "Arn" if operator.startswith("Arn") else "String"
    return operator if draw.random() < 0.7 else operator.replace(kind, f"{kind}Not")
