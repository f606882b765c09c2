"""IAM policies and roles."""

from __future__ import annotations

from typing import Any

from .clients import Provider, call, call_or_none
from .wire_values import keep_wording

State = dict[str, Any]


class _Iam:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.client = provider.make_client("iam")

    def _find(self, method: Any, **arguments: Any) -> Any:
        return call_or_none(self.client, "NoSuchEntityException", method, **arguments)


class Policy(_Iam):
    """aws_iam_policy."""

    def create(self, planned: State) -> State:
        """Create the resource."""
        created = call(
            f"creating IAM Policy ({planned['name']})",
            self.client.create_policy,
            PolicyName=planned["name"],
            Path=planned["path"],
            PolicyDocument=planned["policy"],
            Description=planned["description"] or "",
            Tags=_read_tags(planned),
        )["Policy"]
        computed = {"arn": created["Arn"], "policy_id": created["PolicyId"], "attachment_count": 0}
        return {**planned, **computed, "id": created["Arn"]}

    def read(self, state: State) -> State | None:
        """Return the current state, or None if the resource is gone."""
        response = self._find(self.client.get_policy, PolicyArn=state["id"])
        if response is None:
            return None
        policy = response["Policy"]
        version = {"PolicyArn": state["id"], "VersionId": policy["DefaultVersionId"]}
        document = self.client.get_policy_version(**version)["PolicyVersion"]["Document"]
        tags = {each["Key"]: each["Value"] for each in policy["Tags"]}
        return {
            **state,
            "policy": keep_wording(document, state["policy"]),
            "arn": policy["Arn"],
            "attachment_count": policy["AttachmentCount"],
            "description": policy.get("Description") or state["description"],
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "policy_id": policy["PolicyId"],
            "tags": self.provider.remove_default_tags(tags),
            "tags_all": tags,
        }

    def update(self, prior: State, planned: State) -> State:
        """Replace the document and the tags."""
        removed = sorted(set(prior["tags_all"] or {}) - set(planned["tags_all"] or {}))
        self.client.untag_policy(PolicyArn=planned["id"], TagKeys=removed)
        self.client.tag_policy(PolicyArn=planned["id"], Tags=_read_tags(planned))
        if planned["policy"] != prior["policy"]:
            document = {"PolicyArn": planned["id"], "PolicyDocument": planned["policy"]}
            call(
                "updating IAM Policy",
                self.client.create_policy_version,
                SetAsDefault=True,
                **document,
            )
        return planned

    def delete(self, state: State) -> None:
        """Delete the policy and its versions."""
        for version in self.client.list_policy_versions(PolicyArn=state["id"])["Versions"]:
            if not version["IsDefaultVersion"]:
                name = version["VersionId"]
                self.client.delete_policy_version(PolicyArn=state["id"], VersionId=name)
        call("deleting IAM Policy", self.client.delete_policy, PolicyArn=state["id"])


class Role(_Iam):
    """aws_iam_role."""

    def create(self, planned: State) -> State:
        """Create the resource."""
        created = call(
            f"creating IAM Role ({planned['name']})",
            self.client.create_role,
            RoleName=planned["name"],
            Path=planned["path"],
            AssumeRolePolicyDocument=planned["assume_role_policy"],
            Tags=_read_tags(planned),
            **_read_boundary(planned),
        )["Role"]
        return {
            **planned,
            "arn": created["Arn"],
            "unique_id": created["RoleId"],
            "id": planned["name"],
        }

    def read(self, state: State) -> State | None:
        """Return the state with the current boundary, or None if the role is gone."""
        response = self._find(self.client.get_role, RoleName=state["id"])
        boundary = (response or {"Role": {}})["Role"].get("PermissionsBoundary", {})
        attributes = {"permissions_boundary": boundary.get("PermissionsBoundaryArn")}
        return response and {**state, **attributes}

    def update(self, prior: State, planned: State) -> State:
        """Replace the trust policy and the boundary."""
        identifiers = {"RoleName": planned["id"]}
        document = planned["assume_role_policy"]
        update = self.client.update_assume_role_policy
        call("updating IAM Role", update, **identifiers, PolicyDocument=document)
        if planned["permissions_boundary"]:
            put = self.client.put_role_permissions_boundary
            call("updating the boundary of IAM Role", put, **identifiers, **_read_boundary(planned))
        elif prior["permissions_boundary"]:
            delete = self.client.delete_role_permissions_boundary
            call("deleting the boundary of IAM Role", delete, **identifiers)
        return planned

    def delete(self, state: State) -> None:
        """Delete the resource."""
        call("deleting IAM Role", self.client.delete_role, RoleName=state["id"])


class RolePolicy(_Iam):
    """aws_iam_role_policy."""

    def create(self, planned: State) -> State:
        """Put the policy."""
        identifiers = {"RoleName": planned["role"], "PolicyName": planned["name"]}
        document = planned["policy"]
        call(
            "putting IAM Role Policy",
            self.client.put_role_policy,
            PolicyDocument=document,
            **identifiers,
        )
        return {**planned, "id": f"{planned['role']}:{planned['name']}"}

    def read(self, state: State) -> State | None:
        """Return the current state, or None if the resource is gone."""
        identifiers = {"RoleName": state["role"], "PolicyName": state["name"]}
        response = self._find(self.client.get_role_policy, **identifiers)
        return response and {
            **state,
            "policy": keep_wording(response["PolicyDocument"], state["policy"]),
        }

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - the same for all types
        """Put the policy again."""
        return self.create(planned)

    def delete(self, state: State) -> None:
        """Delete the resource."""
        identifiers = {"RoleName": state["role"], "PolicyName": state["name"]}
        call("deleting IAM Role Policy", self.client.delete_role_policy, **identifiers)


class RolePolicyAttachment(_Iam):
    """aws_iam_role_policy_attachment."""

    def create(self, planned: State) -> State:
        """Attach the policy."""
        identifiers = {"RoleName": planned["role"], "PolicyArn": planned["policy_arn"]}
        call("attaching IAM Policy", self.client.attach_role_policy, **identifiers)
        return {**planned, "id": f"{planned['role']}/{planned['policy_arn']}"}

    def read(self, state: State) -> State | None:
        """Return the state, or None if the policy is not attached."""
        response = self._find(self.client.list_attached_role_policies, RoleName=state["role"])
        arns = [policy["PolicyArn"] for policy in (response or {}).get("AttachedPolicies", [])]
        return state if state["policy_arn"] in arns else None

    def delete(self, state: State) -> None:
        """Detach the policy."""
        identifiers = {"RoleName": state["role"], "PolicyArn": state["policy_arn"]}
        call("detaching IAM Policy", self.client.detach_role_policy, **identifiers)


def _read_boundary(planned: State) -> dict[str, str]:
    arn = planned["permissions_boundary"]
    return {"PermissionsBoundary": arn} if arn else {}


def _read_tags(planned: State) -> list[dict[str, str]]:
    tags = planned["tags_all"] or {}
    return [{"Key": name, "Value": value} for name, value in tags.items()]
