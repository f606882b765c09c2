"""Whether an IAM policy allows what a level of use needs, and nothing else of S3 Vectors.

The engine's `s3vectors_local.iam` evaluates; these modules ask it and explain the answers:

    compare      what the level needs and is not allowed, and what is allowed beyond it
    ineffective  what can never match in a statement
    statements   a statement and its conditions as the engine evaluates them
    documents    a policy document as statements, and what IAM refuses of it
    arns         what ARNs cover, and which kinds they can be
    targets      what the policies are checked for: actions, level, bucket, indexes, key
    findings     what the check reports

It is pure, and needs the engine. `policy_files` finds the policies of a file; `permissions` has
what a level needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stache_ai_s3vectors.tool.policy_files import Extract, SourceError, collect_policies
from stache_ai_s3vectors.tool.policy_files.source import walk

from .arns import SERVICE
from .compare import find_excess, find_missing
from .documents import Policy, read_policy
from .findings import Finding
from .ineffective import correct
from .statements import WrittenStatement
from .targets import Target

__all__ = ["Finding", "Holder", "Policy", "Target", "read_file"]


@dataclass(frozen=True)
class Holder:
    """Policies that work together.

    Args:
        name: of the role, user, group, function or policy; empty if the file is the policy.
        policies: all that it has.
        is_principal: whether it can act; a policy that is not attached allows nothing.
        names_service: whether S3 Vectors is named anywhere in the policies.
    """

    name: str
    policies: tuple[Policy, ...]
    is_principal: bool
    names_service: bool

    def check(self, target: Target) -> list[Finding]:
        """Find what is wrong with the policies, in the order of their lines.

        While a part of them cannot be evaluated, nothing is reported as missing or denied.
        """
        findings = [finding for policy in self.policies for finding in policy.findings]
        statements: list[WrittenStatement] = []
        for statement in (statement for policy in self.policies for statement in policy.statements):
            faults, corrected = correct(statement, target)
            findings += [*faults, *find_excess(corrected, target)]
            statements.append(corrected if statement.allows else statement)
        if not any(policy.findings for policy in self.policies):
            findings += find_missing(statements, target, self.policies[0].line)
        return sorted(set(findings))


def read_file(text: str, parameters: Mapping[str, str] | None = None) -> list[Holder]:
    """Read the policies of a file; the faults of their form are among their findings.

    Args:
        text: a policy document, what the AWS CLI or Terraform prints, or a template.
        parameters: values for a template, by name.
    """
    try:
        collection = collect_policies(text, parameters or {})
    except SourceError as error:
        finding = Finding(error.line, "malformed", error.problem, error.fix)
        unread = Policy("", 1, (), (finding,))
        return [Holder("", (unread,), is_principal=True, names_service=True)]
    return [
        Holder(
            name,
            tuple(read_policy(extract) for extract in extracts),
            name in collection.owned or name == "",
            any(map(_is_about_service, extracts)),
        )
        for name, extracts in collection.group().items()
    ]


def _is_about_service(extract: Extract) -> bool:
    texts = (part for part in walk(extract.document) if isinstance(part, str))
    unknown = extract.document is None and extract.unresolved
    return extract.name == "" or bool(unknown) or any(SERVICE in text.lower() for text in texts)
