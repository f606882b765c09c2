"""A deployer needs exactly the permissions that `docs/deploy-permissions.md` lists."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack, Tags
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from support import ROOT
from support.simulated.roles import ACCOUNT, Role

PAGE = (ROOT / "docs" / "deploy-permissions.md").read_text()
READER = "arn:aws:iam::999999999999:role/search"
OTHER_READER = READER.replace("search", "find")
OWN, OTHER = (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}" for name in ("own1", "other"))
BUCKET = f"arn:aws:s3vectors:us-east-1:{ACCOUNT}:bucket/stache-vectors-{ACCOUNT}"
FAILS_FIRST = ["ROLLBACK_COMPLETE", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE"]


def read_permissions(service):
    """Read the page's permissions for a service, except those that only Terraform needs."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "Terraform" not in line]
    return sorted({*re.findall(rf"`({service}:\w+)`", "\n".join(rows))})


NEEDED = [*read_permissions("s3vectors"), "kms:Decrypt", "kms:GenerateDataKey"]


@cache
def synthesize_template(
    readers: tuple[str, ...] = (), text: str | None = None, team: str = ""
) -> str:
    """Synthesize a store with a customer key, where one index has another key."""
    stack = Stack(App(), "Stack", synthesizer=LegacyStackSynthesizer())
    own, other = (kms.Key.from_key_arn(stack, arn[-4:], arn) for arn in (OWN, OTHER))
    StacheVectorStore(
        stack,
        "Store",
        encryption_key=own,
        indexes={
            "documents": VectorIndexOptions(),
            "summaries": VectorIndexOptions(encryption_key=other),
        },
        readers=readers,
        text_search=text,
    )
    if team:
        Tags.of(stack).add("team", team)
    return json.dumps(Template.from_stack(stack).to_json())


def create_key(aws, *principals):
    """Create a key that these service principals may use, and return its ARN."""
    statements = [
        {"Effect": "Allow", "Principal": {"Service": p}, "Action": "kms:*", "Resource": "*"}
        for p in principals
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return aws.make_client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]


def deploy(aws, kind, keys, *arguments):
    """Execute a change set and return the stack's status, or the error."""
    own, other = keys
    body = synthesize_template(*arguments).replace(OWN, own).replace(OTHER, other)
    cloudformation = aws.make_client("cloudformation")
    names = {"StackName": "stache", "ChangeSetName": f"change-{len(body)}"}
    cloudformation.create_change_set(**names, TemplateBody=body, ChangeSetType=kind)
    try:
        cloudformation.execute_change_set(**names)
        [stack] = cloudformation.describe_stacks(StackName="stache")["Stacks"]
    except (ClientError, ResponseParserError) as error:
        return str(error)  # ResponseParserError: moto's server cannot write a denial as XML
    return stack["StackStatus"]


def run_store_life(aws, permissions) -> list[Any]:
    """Run the steps of a store's life as a deployer with these permissions; return the results."""
    resources = [f"{BUCKET}*", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"]
    allow = {"Effect": "Allow", "Action": [*permissions], "Resource": resources}
    iam = aws.make_client("iam")
    iam.create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="deployer", PolicyName="its", PolicyDocument=document)
    good = create_key(aws, "indexing.s3vectors.amazonaws.com")
    bad = create_key(aws, "s3.amazonaws.com")
    aws.policies.deployer = Role(ACCOUNT, "deployer")

    results = [deploy(aws, "CREATE", (good, bad), (READER,), None, "a")]
    # moto's server cannot write a denial as XML. Resources that stay block the next deployment
    with suppress(ResponseParserError):
        aws.make_client("cloudformation").delete_stack(StackName="stache")
    results.append(deploy(aws, "CREATE", (good, good), (READER,), None, "a"))
    results.append(deploy(aws, "UPDATE", (good, good), (READER, OTHER_READER), "de"))
    results.append(deploy(aws, "UPDATE", (good, good)))
    return results


def test_the_listed_permissions_are_enough_even_after_a_failed_first_deployment(aws):
    """The failed deployment leaves nothing that blocks the next."""
    assert run_store_life(aws, NEEDED) == FAILS_FIRST
    assert {d.action for d in aws.policies.list_decisions("deployer")} == {*NEEDED}
    assert all(d.allowed for d in aws.policies.list_decisions("deployer"))


@pytest.mark.parametrize("action", NEEDED)
def test_each_listed_permission_is_needed(aws, action):
    """If one permission is missing, its action is denied."""
    run_store_life(aws, [each for each in NEEDED if each != action])

    assert action in {d.action for d in aws.policies.list_decisions("deployer") if not d.allowed}
