"""Access to a store: of other accounts by the bucket policy, of grantees by their own policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3vectors as s3vectors
from constructs import Construct, Node

from stache_ai_s3vectors.service import permissions
from stache_ai_s3vectors.service.arns import PRINCIPAL_ARN


def check_principals(prop: str, arns: Sequence[str]) -> None:
    """Refuse principals that a bucket policy cannot name.

    Raises:
        TypeError: it is a string, not a list of strings.
        ValueError: it is not the ARN of a role, a user or an account's root.
    """
    if isinstance(arns, str):
        raise TypeError(f"{prop} is {arns!r}; it must be a list: [{arns!r}]")
    for arn in arns:
        if not Token.is_unresolved(arn) and not PRINCIPAL_ARN.fullmatch(arn):
            raise ValueError(
                f"{prop} has {arn!r}; it must be the ARN of a role, a user or an account's root, "
                "like arn:aws:iam::111122223333:role/search, without wildcards"
            )


def create_bucket_policy(
    scope: Construct,
    bucket: tuple[str, str],
    indexes: Sequence[str],
    readers: Sequence[str],
    writers: Sequence[str],
) -> s3vectors.CfnVectorBucketPolicy:
    """Create the policy of a bucket that other accounts use.

    Args:
        scope: the construct's scope.
        bucket: its name and its ARN.
        indexes: the names of its indexes.
        readers: ARNs of principals.
        writers: ARNs of principals.
    """
    name, arn = bucket
    return s3vectors.CfnVectorBucketPolicy(
        scope,
        "BucketPolicy",
        vector_bucket_name=name,
        policy=permissions.build_bucket_policy(arn, indexes, readers, writers),
    )


def check_account(grantee: iam.IGrantable, account: str) -> None:
    """Refuse a grantee whose policies are in another account.

    Raises:
        ValueError: they are in another account.
    """
    owner = grantee.grant_principal.principal_account
    if owner is None or any(map(Token.is_unresolved, (owner, account))) or owner == account:
        return
    raise ValueError(
        f"the grantee is in account {owner}, and this stack, in {account}, cannot change policies "
        "there. Put the grantee's ARN into readers or writers, which create the bucket policy; and "
        "in its own account, attach the policy that `stache-s3vectors policy` prints"
    )


def grant(grantee: iam.IGrantable, statement: Mapping[str, Any]) -> iam.Grant:
    """Add a statement to the grantee's own policy.

    Raises:
        ValueError: the grantee has no policy.
    """
    result = iam.Grant.add_to_principal(
        grantee=grantee,
        actions=statement["Action"],
        resource_arns=statement["Resource"],
        conditions=statement.get("Condition"),
    )
    if not result.success:
        raise ValueError(
            f"the grantee, {grantee.grant_principal}, has no policy of its own to add to. Grant to "
            "a role, a user, a group or a function; put principals of other accounts into readers "
            "or writers, which create the bucket policy"
        )
    return result


def list_policies(grantee: iam.IGrantable) -> Iterator[Construct]:
    """List the policies that contain a grantee's statements."""
    for each in (grantee, grantee.grant_principal):
        node: Node | None = getattr(each, "node", None)  # not every principal is a construct
        for child in node.find_all() if node else ():
            if isinstance(child, (iam.Policy, iam.ManagedPolicy)):
                yield child
