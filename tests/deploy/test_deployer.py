"""Who deploys needs the permissions that `docs/deploy-permissions.md` lists, and no other."""

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

import deployables
from simulated.roles import ACCOUNT, Role
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions

PAGE = (deployables.ROOT / "docs" / "deploy-permissions.md").read_text()
READER = "arn:aws:iam::999999999999:role/search"
OTHER_READER = READER.replace("search", "find")
OWN, OTHER = (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}" for name in ("own1", "other"))
BUCKET = f"arn:aws:s3vectors:us-east-1:{ACCOUNT}:bucket/stache-vectors-{ACCOUNT}"
FAILS_FIRST = ["ROLLBACK_COMPLETE", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE"]


def read_permissions(service):
    """The permissions of the page, without those that only Terraform needs."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "Terraform" not in line]
    return sorted({*re.findall(rf"`({service}:\w+)`", "\n".join(rows))})


NEEDED = [*read_permissions("s3vectors"), "kms:Decrypt", "kms:GenerateDataKey"]


@cache
def synthesize_template(
    readers: tuple[str, ...] = (), text: str | None = None, team: str = ""
) -> str:
    """A store under a customer key, one of whose indexes has another."""
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
    """The ARN of a key whose policy lets the service use it, or not."""
    statements = [
        {"Effect": "Allow", "Principal": {"Service": p}, "Action": "kms:*", "Resource": "*"}
        for p in principals
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return aws.make_client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]


def deploy(aws, kind, keys, *arguments):
    """The state of the stack after a change set."""
    own, other = keys
    body = synthesize_template(*arguments).replace(OWN, own).replace(OTHER, other)
    cloudformation = aws.make_client("cloudformation")
    names = {"StackName": "stache", "ChangeSetName": f"change-{len(body)}"}
    cloudformation.create_change_set(**names, TemplateBody=body, ChangeSetType=kind)
    try:
        cloudformation.execute_change_set(**names)
        [stack] = cloudformation.describe_stacks(StackName="stache")["Stacks"]
    except (ClientError, ResponseParserError) as error:  # moto's server has no XML for a denial
        return str(error)
    return stack["StackStatus"]


def run_store_life(aws, permissions) -> list[Any]:
    """How each step of a store's life ends, for a deployer who has only these permissions."""
    resources = [f"{BUCKET}*", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"]
    allow = {"Effect": "Allow", "Action": [*permissions], "Resource": resources}
    iam = aws.make_client("iam")
    iam.create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="deployer", PolicyName="its", PolicyDocument=document)
    good = create_key(aws, "indexing.s3vectors.amazonaws.com")
    bad = create_key(aws, "s3.amazonaws.com")
    aws.policies.deployer = Role(ACCOUNT, "deployer")

    ends = [deploy(aws, "CREATE", (good, bad), (READER,), None, "a")]
    # moto's server has no XML for a denial; what could not be deleted is in the way of the next
    with suppress(ResponseParserError):
        aws.make_client("cloudformation").delete_stack(StackName="stache")
    ends.append(deploy(aws, "CREATE", (good, good), (READER,), None, "a"))
    ends.append(deploy(aws, "UPDATE", (good, good), (READER, OTHER_READER), "de"))
    ends.append(deploy(aws, "UPDATE", (good, good)))
    return ends


def test_the_page_s_permissions_are_enough_also_after_a_first_deployment_that_failed(aws):
    """Nothing of the first is in the way of the second."""
    assert run_store_life(aws, NEEDED) == FAILS_FIRST
    assert {d.action for d in aws.policies.list_decisions("deployer")} == {*NEEDED}
    assert all(d.allowed for d in aws.policies.list_decisions("deployer"))


@pytest.mark.parametrize("action", NEEDED)
def test_without_any_one_of_them_something_fails(aws, action):
    """So none is listed for nothing."""
    run_store_life(aws, [each for each in NEEDED if each != action])

    assert action in {d.action for d in aws.policies.list_decisions("deployer") if not d.allowed}
