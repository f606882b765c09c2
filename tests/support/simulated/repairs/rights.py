"""Roles, policies and keys of templates."""

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
    """Mend all of it."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # the CDK's roles attach some of AWS's
    _read_policies_of_aws_once()
    _keep_role_policies_as_text()
    _attach_managed_policies()
    _keep_policies_that_are_attached()
    _make_keys_in_the_words_of_kms()
    _change_and_delete_managed_policies()
    _refuse_managed_session_policies()


def _read_policies_of_aws_once() -> None:
    """Those of AWS are read for a second whenever an account is made."""
    original = IAMBackend._init_aws_policies
    read: list[ManagedPolicy] = []

    def init_aws_policies(self: IAMBackend) -> list[ManagedPolicy]:
        if not read:
            read.extend(original(self))
        return [copy.copy(policy) for policy in read]  # each counts what has it

    IAMBackend._init_aws_policies = init_aws_policies  # type: ignore[method-assign]  # that is how


def _keep_role_policies_as_text() -> None:
    """Inline policies of a template's role are kept as objects; all else expects JSON."""
    original = Role.put_policy

    @wraps(original)
    def put_policy(self: Role, policy_name: str, policy_json: Any) -> None:
        text = policy_json if isinstance(policy_json, str) else json.dumps(policy_json, default=str)
        original(self, policy_name, text)

    Role.put_policy = put_policy  # type: ignore[method-assign]


def _attach_managed_policies() -> None:
    """ManagedPolicyArns of a template's role are dropped, when it is made and when it changes."""
    _attach_at_creation()
    _attach_when_changed()
    _detach_when_deleted()


def _attach_at_creation() -> None:
    original = Role.create_from_cloudformation_json

    def created(
        cls: type[Role], name: str, template: Any, account_id: str, region_name: str, **more: Any
    ) -> Role:
        del cls
        role: Role = original(name, template, account_id, region_name, **more)
        _set_policies(role, template["Properties"], account_id)
        return role

    Role.create_from_cloudformation_json = classmethod(created)  # type: ignore[method-assign, assignment, arg-type]  # moto's are untyped enough


def _attach_when_changed() -> None:
    """Trust, boundary and inline policies are dropped then, too."""
    original = Role.update_from_cloudformation_json

    def updated(
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

    Role.update_from_cloudformation_json = classmethod(updated)  # type: ignore[method-assign, assignment]  # the same


def _detach_when_deleted() -> None:
    original = Role.delete_from_cloudformation_json

    def deleted(
        cls: type[Role], name: str, template: Any, account_id: str, region_name: str
    ) -> None:
        del cls
        _set_policies(iam_backends[account_id]["aws"].get_role(name), {}, account_id)
        original(name, template, account_id, region_name)

    Role.delete_from_cloudformation_json = classmethod(deleted)  # type: ignore[method-assign, assignment]  # the same


def _set_policies(role: Role, properties: Any, account_id: str) -> None:
    backend = iam_backends[account_id]["aws"]
    attached = set(properties.get("ManagedPolicyArns", []))
    for arn in set(role.managed_policies) - attached:
        backend.detach_role_policy(arn, role.name)
    for arn in attached - set(role.managed_policies):
        backend.attach_role_policy(arn, role.name)


def _keep_policies_that_are_attached() -> None:
    """A managed policy can be deleted although something still has it."""
    original = IAMBackend.delete_policy

    def delete_policy(self: IAMBackend, policy_arn: str) -> None:
        if self.get_policy(policy_arn).attachment_count:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        original(self, policy_arn)

    IAMBackend.delete_policy = delete_policy  # type: ignore[method-assign]  # that is how


def _make_keys_in_the_words_of_kms() -> None:
    """Policy and tags of a template's key go to KMS as they are, which wants JSON and TagKey."""
    original = Key.create_from_cloudformation_json

    def created(cls: type[Key], name: str, template: Any, *args: Any, **kwargs: Any) -> Key:
        del cls
        properties = template["Properties"]
        words = {
            "KeyPolicy": json.dumps(properties["KeyPolicy"], default=str),
            "Tags": [{f"Tag{key}": tag[key] for key in tag} for tag in properties.get("Tags", [])],
        }
        template = {**template, "Properties": {**properties, **words}}
        key: Key = original(name, template, *args, **kwargs)
        return key

    Key.create_from_cloudformation_json = classmethod(created)  # type: ignore[method-assign, assignment]  # moto's are untyped enough


def _change_and_delete_managed_policies() -> None:
    """A template's managed policy stays as it is when the template changes, and when it goes."""

    def updated(
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

    def deleted(
        cls: type[ManagedPolicy], arn: str, template: Any, account_id: str, region_name: str
    ) -> None:
        del cls, template, region_name
        iam_backends[account_id]["aws"].delete_policy(arn)  # tried again while a role has it

    ManagedPolicy.update_from_cloudformation_json = classmethod(updated)  # type: ignore[method-assign, assignment]  # the same
    ManagedPolicy.delete_from_cloudformation_json = classmethod(deleted)  # type: ignore[method-assign, assignment]  # the same


def _refuse_managed_session_policies() -> None:
    """AssumeRole passes over PolicyArns, which would limit the session."""
    original = TokenResponse.assume_role

    def assume_role(self: TokenResponse) -> Any:
        if self._get_param("PolicyArns"):
            raise STSValidationError("a session policy is not evaluated here")
        return original(self)

    TokenResponse.assume_role = assume_role  # type: ignore[method-assign]  # that is how
