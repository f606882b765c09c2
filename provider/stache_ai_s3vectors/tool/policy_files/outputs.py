"""The policies in what the AWS CLI and Terraform print, and their owners. Pure."""

from __future__ import annotations

import re
from typing import Final

from .collection import Collection
from .source import Object, Text, list_objects, to_list, walk

_RESOURCE: Final = re.compile("aws_iam_(policy|role|user|group)(|_policy|_policy_attachment)")


def collect_cli(document: Object, collection: Collection) -> bool:
    """Collect from the output or the input of an AWS CLI command; False if it is neither."""
    if "PolicyDocument" in document:
        name = document.get("PolicyName") or "PolicyDocument"
        collection.add(name, document.lines["PolicyDocument"], document["PolicyDocument"])
    elif "PolicyInputList" in document:
        for number, text in enumerate(to_list(document["PolicyInputList"]), 1):
            line = document.lines["PolicyInputList"]
            collection.add(f"PolicyInputList[{number}]", line, text, owners=["PolicyInputList"])
    elif isinstance(version := document.get("PolicyVersion"), Object) or "Document" in document:
        holder = version if isinstance(version, Object) else document
        line = holder.lines.get("Document", holder.line)
        collection.add(str(holder.get("VersionId", "Document")), line, holder.get("Document"))
    elif "RoleDetailList" in document or "Policies" in document:
        _collect_details(document, collection)
    else:
        return False
    return True


def _collect_details(document: Object, collection: Collection) -> None:
    """Collect from `aws iam get-account-authorization-details`."""
    for policy in list_objects(document.get("Policies")):
        for version in list_objects(policy.get("PolicyVersionList")):
            if version.get("IsDefaultVersion"):
                name, arn = str(policy.get("PolicyName")), str(policy.get("Arn"))
                collection.add(name, policy.line, version.get("Document"), key=arn)
    for kind in ("Group", "User", "Role"):
        for owner in list_objects(document.get(f"{kind}DetailList")):
            name = f"{kind.lower()}/{owner.get(f'{kind}Name')}"
            for inline in list_objects(owner.get(f"{kind}PolicyList")):
                title = f"{name}/{inline.get('PolicyName')}"
                collection.add(title, inline.line, inline.get("PolicyDocument"), owners=[name])
            for attached in list_objects(owner.get("AttachedManagedPolicies")):
                collection.attach(name, str(attached.get("PolicyArn")))
            for group in to_list(owner.get("GroupList")):
                for key in collection.owned.get(f"group/{group}", {}):
                    collection.attach(name, key)


def collect_terraform(document: Object, collection: Collection) -> bool:
    """Collect from `terraform show -json` of a plan or a state; False if it is neither."""
    root = document.get("planned_values") or document.get("values")
    if "terraform_version" not in document and not root:
        return False
    for part in walk(root.get("root_module") if isinstance(root, Object) else None):
        if isinstance(part, Object) and isinstance(part.get("values"), Object):
            _collect_resource(part, part["values"], collection)
    return True


def _collect_resource(resource: Object, values: Object, collection: Collection) -> None:
    address = Text(str(resource.get("address")), resource.line)
    kind = _RESOURCE.fullmatch(str(resource.get("type")))
    owner, what = kind.groups() if kind else ("", "")
    name = values.get(owner)
    owners = [f"{owner}/{name}"] if what and isinstance(name, str) else []
    if owner == "policy" or what == "_policy":
        collection.add(
            address,
            resource.line,
            values.get("policy"),
            key=str(values.get("arn") or address),
            owners=owners,
            unresolved=[] if "policy" in values else [Text(f"{address}.policy", resource.line)],
        )
    elif what:
        for principal in owners:
            collection.attach(principal, str(values.get("policy_arn")))
    elif owner:
        principal = f"{owner}/{values.get('name')}"
        for inline in list_objects(values.get("inline_policy")):
            title = f"{address}/{inline.get('name')}"
            collection.add(title, inline.line, inline.get("policy"), owners=[principal])
        for arn in to_list(values.get("managed_policy_arns")):
            collection.attach(principal, str(arn))
