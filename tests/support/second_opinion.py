"""What somebody else's evaluation of IAM policies says of what ours decides.

iam-simulate (https://github.com/cloud-copilot/iam-simulate) runs in a process of its own; it is a
tool of the tests and reaches no user. Where it says otherwise, one of us is wrong, or it is
argued here: `UNKNOWN` and `WRONG`.
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
"""Where `make test` installs it, at the version in the Makefile."""

CALLER: Final = Caller(identity="role/asked-about")


@dataclass(frozen=True)
class Question:
    """Whether policies allow what is needed.

    Args:
        documents: all identity policies of the caller.
        need: action, resource and condition keys.
        caller: who asks.
        bucket_policy: that of the bucket which is asked about.
    """

    documents: Sequence[Mapping[str, Any]]
    need: Need
    caller: Caller = CALLER
    bucket_policy: Mapping[str, Any] | None = None


class Opinion(NamedTuple):
    """What the other says: also whether it knows the action, and on this kind of resource."""

    allowed: bool
    problem: str | None


class Difference(NamedTuple):
    """A question that the other decides otherwise, or sees a problem in."""

    question: Question
    ours: bool
    theirs: Opinion


@dataclass(frozen=True)
class Argument:
    """Why a difference is none of our faults.

    Args:
        reason: the argument.
        covers: whether it is about a difference.
        requests: whether requests can differ so; else it is about what only a test asks.
    """

    reason: str
    covers: Callable[[Difference], bool]
    requests: bool = True


NEWER: Final = (
    "PutVectorBucketDefaultIndexMode",
    "UpdateIndexMode",
    "UpdateMetadataConfiguration",
)
_WILDCARD_IN_TYPE: Final = re.compile(r"(?:[^:]*:){5}[^/]*[*?][^/]*/")
"""An ARN with a wildcard before the first slash of its last part."""


def _match_action(name: str) -> Callable[[Need], bool]:
    return lambda need: need.action == f"s3vectors:{name}"


def _match_problem(problem: str, about: Callable[[Need], bool]) -> Callable[[Difference], bool]:
    return lambda it: it.theirs.problem == problem and about(it.question.need)


UNKNOWN: Final = (
    *(
        Argument(
            f"{name} is newer than its data",
            _match_problem("invalid.action", _match_action(name)),
        )
        for name in NEWER
    ),
    Argument(
        "no request needs an action on a resource of a kind that it has nothing to do with",
        _match_problem("no.resource.types", lambda need: need.resource.startswith("arn:")),
        requests=False,
    ),
    Argument(
        "the one action that has no resource is asked about one",
        _match_problem("must.use.wildcard", _match_action("ListVectorBuckets")),
        requests=False,
    ),
)
"""Problems that it sees; its decision must be ours all the same."""

WRONG: Final = (
    Argument(
        "it takes no wildcard for a resource's type; AWS's own examples have `*/*` "
        "(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html)",
        lambda it: any(map(_WILDCARD_IN_TYPE.match, _list_resources(it.question))),
    ),
    Argument(
        "asked about all that a wildcard stands for, it says whether some is allowed; a request "
        "needs one resource, but ListVectorBuckets, which has none",
        lambda it: (
            "*" in it.question.need.resource
            and it.question.need.action != "s3vectors:ListVectorBuckets"
        ),
        requests=False,
    ),
)
"""Decisions of its that are not AWS's."""


_DELEGATED: Final = {
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
"""The policy of a key that leaves the decision to its account's identity policies."""


def ask_iam_simulate(questions: Sequence[Question]) -> list[Opinion]:
    """What iam-simulate says, in one process.

    Raises:
        RuntimeError: it could not say; a policy that is none is a reason.
    """
    assert (PACKAGES / "node_modules").is_dir(), "run `make test` once; it installs iam-simulate"
    result = subprocess.run(
        [
            Path(sys.executable).with_name("node"),
            Path(__file__).with_name("iam_simulate.cjs"),
            PACKAGES,
        ],
        input=json.dumps([_encode_question(question) for question in questions]),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(result.stderr)
    return [Opinion(**each) for each in json.loads(result.stdout)]


def _encode_question(question: Question) -> dict[str, Any]:
    need = question.need
    return {
        "policies": question.documents,
        "bucketPolicy": _DELEGATED if ":kms:" in need.resource else question.bucket_policy,
        "principal": question.caller.principal,
        "account": parse_account(need.resource) or question.caller.account,
        "action": need.action,
        "resource": need.resource,
        # Only this key is one of several values
        "context": {
            key: values if key == "aws:tagkeys" else values[0]
            for key, values in need.context.items()
        },
    }


def decide(question: Question) -> bool:
    """What the engine decides."""
    try:
        document = question.bucket_policy
        bucket_policy = None if document is None else BucketPolicy(json.dumps(document))
        policies = Policies(*question.documents)
        policies.check([question.need], question.caller, bucket_policy)
    except AccessDeniedException:
        return False
    return True


def find_differences(decided: Iterable[tuple[Question, bool]]) -> list[Difference]:
    """Where the other says otherwise, argued or not."""
    decided = list(decided)
    theirs = ask_iam_simulate([question for question, _ in decided])
    compared = [Difference(*pair, it) for pair, it in zip(decided, theirs, strict=True)]
    return [it for it in compared if it.theirs != (it.ours, None)]


def select_unargued(differences: Iterable[Difference], *, requests: bool) -> list[Difference]:
    """The differences of which no argument tells why.

    Args:
        found: the differences.
        requests: they are about what requests need, and about nothing else.
    """
    unknown, wrong = (
        [each for each in table if each.requests or not requests] for table in (UNKNOWN, WRONG)
    )
    return [
        it
        for it in differences
        if (it.theirs.problem and not any(each.covers(it) for each in unknown))
        or (it.theirs.allowed is not it.ours and not any(each.covers(it) for each in wrong))
    ]


def find_disagreements(
    documents: Sequence[Mapping[str, Any]], decisions: Iterable[tuple[str, str, bool]]
) -> list[Difference]:
    """Decisions, of requests without condition keys, that the other would not make.

    Args:
        documents: all policies of the principal that they are about.
        decisions: action, resource and whether it was allowed; the same may come again.
    """
    questions = [
        (Question(documents, Need(action, resource, {})), allowed)
        for action, resource, allowed in sorted(set(decisions))
    ]
    return select_unargued(find_differences(questions), requests=True)


def _list_resources(question: Question) -> list[str]:
    """All patterns of resources in the policies of a question."""
    statements = [s for document in question.documents for s in _to_list(document["Statement"])]
    members = ("Resource", "NotResource")
    return [text for s in statements for member in members for text in _to_list(s.get(member, []))]


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
