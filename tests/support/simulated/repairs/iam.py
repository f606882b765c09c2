"""Repairs of IAM and KMS: roles, policies and keys of templates."""

from __future__ import annotations

import copy
import json
import os
from functools import wraps
from typing import Any

from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import IAMBackend, ManagedPolicy, Role, iam_backends
from moto.kms.models import Key
from moto.sts.exceptions import STSValidationError
from moto.sts.responses import TokenResponse


def apply() -> None:
    """Apply the repairs."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # the CDK's roles attach AWS's policies
    _cache_policies_of_aws()
    _store_role_policies_as_text()
    _attach_managed_policies()
    _refuse_to_delete_attached_policies()
    _translate_key_properties()
    _update_and_delete_managed_policies()
    _refuse_managed_session_policies()


def _cache_policies_of_aws() -> None:
    """Moto parses AWS's policies for each account, which takes a second."""
    original = IAMBackend._init_aws_policies
    cached: list[ManagedPolicy] = []

    def init_aws_policies(self: IAMBackend) -> list[ManagedPolicy]:
        if not cached:
            cached.extend(original(self))
        return [copy.copy(policy) for policy in cached]  # a policy counts its attachments

    IAMBackend._init_aws_policies = init_aws_policies  # type: ignore[method-assign]  # replaces moto's


def _store_role_policies_as_text() -> None:
    """Moto stores the inline policies of a template's role as objects, but reads them as JSON."""
    original = Role.put_policy

    @wraps(original)
    def put_policy(self: Role, policy_name: str, policy_json: Any) -> None:
        text = policy_json if isinstance(policy_json, str) else json.dumps(policy_json, default=str)
        original(self, policy_name, text)

    Role.put_policy = put_policy  # type: ignore[method-assign]


def _attach_managed_policies() -> None:
    """Moto ignores ManagedPolicyArns when it creates or updates a template's role."""
    _attach_at_creation()
    _attach_at_update()
    _detach_at_deletion()


def _attach_at_creation() -> None:
    original = Role.create_from_cloudformation_json

    def create(
        cls: type[Role], name: str, template: Any, account_id: str, region_name: str, **more: Any
    ) -> Role:
        del cls
        role: Role = original(name, template, account_id, region_name, **more)
        _set_policies(role, template["Properties"], account_id)
        return role

    Role.create_from_cloudformation_json = classmethod(create)  # type: ignore[method-assign, assignment, arg-type]  # moto's methods are untyped


def _attach_at_update() -> None:
    """At an update, moto also ignores the trust policy, the boundary and inline policies."""
    original = Role.update_from_cloudformation_json

    def update(
        cls: type[Role],
        original_resource: Role,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Role:
        del cls
        role, properties = original_resource, cloudformation_json["Properties"]
        original(role, new_resource_name, cloudformation_json, account_id, region_name)
        trust = json.dumps(properties["AssumeRolePolicyDocument"], default=str)
        role.assume_role_policy_document = trust
        role.permissions_boundary_arn = properties.get("PermissionsBoundary")
        for policy in properties.get("Policies", []):
            role.put_policy(policy["PolicyName"], policy["PolicyDocument"])
        _set_policies(role, properties, account_id)
        return role

    Role.update_from_cloudformation_json = classmethod(update)  # type: ignore[method-assign, assignment]  # the same


def _detach_at_deletion() -> None:
    original = Role.delete_from_cloudformation_json

    def delete(
        cls: type[Role], name: str, template: Any, account_id: str, region_name: str
    ) -> None:
        del cls
        _set_policies(iam_backends[account_id]["aws"].get_role(name), {}, account_id)
        original(name, template, account_id, region_name)

    Role.delete_from_cloudformation_json = classmethod(delete)  # type: ignore[method-assign, assignment]  # the same


def _set_policies(role: Role, properties: Any, account_id: str) -> None:
    backend = iam_backends[account_id]["aws"]
    attached = set(properties.get("ManagedPolicyArns", []))
    for arn in set(role.managed_policies) - attached:
        backend.detach_role_policy(arn, role.name)
    for arn in attached - set(role.managed_policies):
        backend.attach_role_policy(arn, role.name)


def _refuse_to_delete_attached_policies() -> None:
    """Moto deletes a managed policy that is still attached."""
    original = IAMBackend.delete_policy

    def delete_policy(self: IAMBackend, policy_arn: str) -> None:
        if self.get_policy(policy_arn).attachment_count:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        original(self, policy_arn)

    IAMBackend.delete_policy = delete_policy  # type: ignore[method-assign]  # replaces moto's


def _translate_key_properties() -> None:
    """Moto passes a template's key policy and tags to KMS unchanged. KMS needs JSON and TagKey."""
    original = Key.create_from_cloudformation_json

    def create(cls: type[Key], name: str, template: Any, *args: Any, **kwargs: Any) -> Key:
        del cls
        properties = template["Properties"]
        translated = {
            "KeyPolicy": json.dumps(properties["KeyPolicy"], default=str),
            "Tags": [{f"Tag{key}": tag[key] for key in tag} for tag in properties.get("Tags", [])],
        }
        template = {**template, "Properties": {**properties, **translated}}
        key: Key = original(name, template, *args, **kwargs)
        return key

    Key.create_from_cloudformation_json = classmethod(create)  # type: ignore[method-assign, assignment]  # moto's methods are untyped


def _update_and_delete_managed_policies() -> None:
    """Moto neither updates nor deletes a template's managed policy."""

    def update(
        cls: type[ManagedPolicy],
        original_resource: ManagedPolicy,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> ManagedPolicy:
        del cls, new_resource_name, region_name
        document = json.dumps(cloudformation_json["Properties"]["PolicyDocument"], default=str)
        backend = iam_backends[account_id]["aws"]
        backend.create_policy_version(original_resource.arn, document, set_as_default=True)
        return original_resource

    def delete(
        cls: type[ManagedPolicy], arn: str, template: Any, account_id: str, region_name: str
    ) -> None:
        del cls, template, region_name
        iam_backends[account_id]["aws"].delete_policy(arn)  # moto retries while it is attached

    ManagedPolicy.update_from_cloudformation_json = classmethod(update)  # type: ignore[method-assign, assignment]  # the same
    ManagedPolicy.delete_from_cloudformation_json = classmethod(delete)  # type: ignore[method-assign, assignment]  # the same


def _refuse_managed_session_policies() -> None:
    """AssumeRole ignores PolicyArns, which would limit the session."""
    original = TokenResponse.assume_role

    def assume_role(self: TokenResponse) -> Any:
        if self._get_param("PolicyArns"):
            raise STSValidationError("The simulated AWS does not evaluate session policies.")
        return original(self)

    TokenResponse.assume_role = assume_role  # type: ignore[method-assign]  # replaces moto's
