"""A comparison of our engine's evaluation of IAM policies with that of iam-simulate.

iam-simulate (https://github.com/cloud-copilot/iam-simulate) is a tool for the tests only, and runs
in a process of its own. If the two disagree, one of them is wrong, or the difference is explained
in `KNOWN_PROBLEMS` or `KNOWN_DECISIONS`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from s3vectors_local.arns import Caller, parse_account
from s3vectors_local.errors import AccessDeniedException
from s3vectors_local.iam import BucketPolicy, Need, Policies

PACKAGES: Final = Path(sys.prefix) / "javascript"
"""The folder where `make test` installs iam-simulate. The Makefile has the version."""

CALLER: Final = Caller(identity="role/caller")


@dataclass(frozen=True)
class AccessCheck:
    """Policies, and a request that they allow or deny.

    Args:
        documents: all identity policies of the caller.
        need: the action, the resource and the condition keys.
        caller: the caller.
        bucket_policy: the policy of the resource's bucket.
    """

    documents: Sequence[Mapping[str, Any]]
    need: Need
    caller: Caller = CALLER
    bucket_policy: Mapping[str, Any] | None = None


class Evaluation(NamedTuple):
    """The result of iam-simulate.

    Args:
        allowed: whether the policies allow the request.
        problem: the error code if the action is unknown, or does not apply to the resource.
    """

    allowed: bool
    problem: str | None


class Difference(NamedTuple):
    """A check that iam-simulate decides differently, or reports a problem with."""

    check: AccessCheck
    ours: bool
    theirs: Evaluation


@dataclass(frozen=True)
class Explanation:
    """The reason why a difference is not a fault of our engine.

    Args:
        reason: the reason.
        covers: whether it explains a difference.
        in_requests: whether real requests can have the difference, or only the checks of tests.
    """

    reason: str
    covers: Callable[[Difference], bool]
    in_requests: bool = True


NEWER: Final = (
    "PutVectorBucketDefaultIndexMode",
    "UpdateIndexMode",
    "UpdateMetadataConfiguration",
)
"""The operations that are newer than iam-simulate's data."""

_WILDCARD_IN_TYPE: Final = re.compile(r"(?:[^:]*:){5}[^/]*[*?][^/]*/")
"""An ARN with a wildcard before the first slash of its last part."""


def _match_action(name: str) -> Callable[[Need], bool]:
    return lambda need: need.action == f"s3vectors:{name}"


def _match_problem(problem: str, about: Callable[[Need], bool]) -> Callable[[Difference], bool]:
    return lambda it: it.theirs.problem == problem and about(it.check.need)


KNOWN_PROBLEMS: Final = (
    *(
        Explanation(
            f"{name} is newer than iam-simulate's data",
            _match_problem("invalid.action", _match_action(name)),
        )
        for name in NEWER
    ),
    Explanation(
        "the action does not apply to this kind of resource; no request needs that",
        _match_problem("no.resource.types", lambda need: need.resource.startswith("arn:")),
        in_requests=False,
    ),
    Explanation(
        "ListVectorBuckets has no resource, but the check names one",
        _match_problem("must.use.wildcard", _match_action("ListVectorBuckets")),
        in_requests=False,
    ),
)
"""Explanations of problems that iam-simulate reports. Its decision must still equal ours."""

KNOWN_DECISIONS: Final = (
    Explanation(
        "iam-simulate does not support a wildcard in the resource type; AWS's examples have `*/*` "
        "(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html)",
        lambda it: any(map(_WILDCARD_IN_TYPE.match, _list_resources(it.check))),
    ),
    Explanation(
        "if the check's resource has a wildcard, iam-simulate allows it if some resources are "
        "allowed; a request names one resource, or none in ListVectorBuckets",
        lambda it: (
            "*" in it.check.need.resource and it.check.need.action != "s3vectors:ListVectorBuckets"
        ),
        in_requests=False,
    ),
)
"""Explanations of decisions of iam-simulate that are not AWS's."""


_DELEGATING_KEY_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
"""A key policy that delegates to the identity policies of the account."""


def run_iam_simulate(checks: Sequence[AccessCheck]) -> list[Evaluation]:
    """Evaluate the checks with iam-simulate, in one process.

    Raises:
        RuntimeError: it could not evaluate a check, for example because of an invalid policy.
    """
    assert (PACKAGES / "node_modules").is_dir(), "run `make test` once; it installs iam-simulate"
    result = subprocess.run(
        [
            Path(sys.executable).with_name("node"),
            Path(__file__).with_name("iam_simulate.cjs"),
            PACKAGES,
        ],
        input=json.dumps([_encode_check(check) for check in checks]),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(result.stderr)
    return [Evaluation(**each) for each in json.loads(result.stdout)]


def _encode_check(check: AccessCheck) -> dict[str, Any]:
    need = check.need
    return {
        "policies": check.documents,
        "bucketPolicy": _DELEGATING_KEY_POLICY if ":kms:" in need.resource else check.bucket_policy,
        "principal": check.caller.principal,
        "account": parse_account(need.resource) or check.caller.account,
        "action": need.action,
        "resource": need.resource,
        # Only this condition key has several values
        "context": {
            key: values if key == "aws:tagkeys" else values[0]
            for key, values in need.context.items()
        },
    }


def evaluate(check: AccessCheck) -> bool:
    """Evaluate the check with our engine."""
    try:
        document = check.bucket_policy
        bucket_policy = None if document is None else BucketPolicy(json.dumps(document))
        policies = Policies(*check.documents)
        policies.check([check.need], check.caller, bucket_policy)
    except AccessDeniedException:
        return False
    return True


def find_differences(results: Iterable[tuple[AccessCheck, bool]]) -> list[Difference]:
    """Compare our engine's results with iam-simulate's. Return all differences."""
    results = list(results)
    evaluations = run_iam_simulate([check for check, _ in results])
    compared = [Difference(*pair, it) for pair, it in zip(results, evaluations, strict=True)]
    return [it for it in compared if it.theirs != (it.ours, None)]


def select_unexplained(differences: Iterable[Difference], *, requests: bool) -> list[Difference]:
    """Return the differences without an explanation.

    Args:
        differences: the differences.
        requests: whether all checks are those of real requests.
    """
    problems, decisions = (
        [each for each in table if each.in_requests or not requests]
        for table in (KNOWN_PROBLEMS, KNOWN_DECISIONS)
    )
    return [
        it
        for it in differences
        if (it.theirs.problem and not any(each.covers(it) for each in problems))
        or (it.theirs.allowed is not it.ours and not any(each.covers(it) for each in decisions))
    ]


def find_disagreements(
    documents: Sequence[Mapping[str, Any]], decisions: Iterable[tuple[str, str, bool]]
) -> list[Difference]:
    """Return the unexplained differences for decisions about requests without condition keys.

    Args:
        documents: all policies of the principal.
        decisions: actions, resources and whether they were allowed. Duplicates are ignored.
    """
    results = [
        (AccessCheck(documents, Need(action, resource, {})), allowed)
        for action, resource, allowed in sorted(set(decisions))
    ]
    return select_unexplained(find_differences(results), requests=True)


def _list_resources(check: AccessCheck) -> list[str]:
    """Return all resource patterns in the policies of a check."""
    statements = [s for document in check.documents for s in _to_list(document["Statement"])]
    members = ("Resource", "NotResource")
    return [text for s in statements for member in members for text in _to_list(s.get(member, []))]


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
