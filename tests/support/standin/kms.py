"""Customer keys and their policies."""

from __future__ import annotations

import json
from typing import Any, Final

from .clients import Provider, call, call_or_none
from .wire_values import is_known, keep_wording

State = dict[str, Any]

_DELETION_WINDOW_DAYS: Final = 30
"""The default time until a deleted key is gone."""


class _Kms:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.client = provider.make_client("kms")

    def _read_policy(self, key: str, before: str | None = None) -> str:
        """Read a key's policy. Keep the wording of `before` if it means the same."""
        response = self.client.get_key_policy(KeyId=key, PolicyName="default")
        return keep_wording(json.loads(response["Policy"]), before)


class Key(_Kms):
    """aws_kms_key."""

    def create(self, planned: State) -> State:
        """Create the key."""
        tags = planned["tags_all"] or {}
        description = planned["description"] if is_known(planned["description"]) else ""
        document = {"Policy": planned["policy"]} if is_known(planned["policy"]) else {}
        created = call(
            "creating KMS Key",
            self.client.create_key,
            Description=description,
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
            **document,
        )["KeyMetadata"]
        if planned["enable_key_rotation"]:
            self.client.enable_key_rotation(KeyId=created["KeyId"])
        computed = {"arn": created["Arn"], "key_id": created["KeyId"], "id": created["KeyId"]}
        policy = document.get("Policy") or self._read_policy(created["KeyId"])
        computed |= {"description": description, "policy": policy}
        return {**planned, **computed, "multi_region": False}

    def read(self, state: State) -> State | None:
        """Return the current state."""
        response = call_or_none(
            self.client, "NotFoundException", self.client.describe_key, KeyId=state["id"]
        )
        if response is None or response["KeyMetadata"]["KeyState"] == "PendingDeletion":
            return None
        key = response["KeyMetadata"]
        tag_list = self.client.list_resource_tags(KeyId=state["id"])["Tags"]
        tags = {tag["TagKey"]: tag["TagValue"] for tag in tag_list}
        rotation = self.client.get_key_rotation_status(KeyId=state["id"])
        return {
            **state,
            "arn": key["Arn"],
            "key_id": key["KeyId"],
            "description": key["Description"],
            # moto returns no defaults
            "key_usage": key.get("KeyUsage", "ENCRYPT_DECRYPT"),
            "customer_master_key_spec": key.get("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
            "is_enabled": key["Enabled"],
            "multi_region": key.get("MultiRegion", False),
            "enable_key_rotation": rotation["KeyRotationEnabled"],
            "bypass_policy_lockout_safety_check": bool(state["bypass_policy_lockout_safety_check"]),
            "policy": self._read_policy(key["KeyId"], state["policy"]),
            "tags": self.provider.remove_default_tags(tags),
            "tags_all": tags,
        }

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - the same for all types
        """Set the tags. The stand-in changes nothing else in place."""
        tags = planned["tags_all"] or {}
        tag_list = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
        call("tagging KMS Key", self.client.tag_resource, KeyId=planned["id"], Tags=tag_list)
        return planned

    def delete(self, state: State) -> None:
        """Schedule the deletion of the key."""
        days = state["deletion_window_in_days"] or _DELETION_WINDOW_DAYS
        delete = self.client.schedule_key_deletion
        call("deleting KMS Key", delete, KeyId=state["id"], PendingWindowInDays=days)


class KeyPolicy(_Kms):
    """aws_kms_key_policy."""

    def create(self, planned: State) -> State:
        """Put the policy."""
        document = {"KeyId": planned["key_id"], "Policy": planned["policy"]}
        call("putting KMS Key Policy", self.client.put_key_policy, PolicyName="default", **document)
        return {**planned, "id": planned["key_id"]}

    def read(self, state: State) -> State | None:
        """Return the current state."""
        return {
            **state,
            "key_id": state["id"],
            "bypass_policy_lockout_safety_check": bool(state["bypass_policy_lockout_safety_check"]),
            "policy": self._read_policy(state["id"], state["policy"]),
        }

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - the same for all types
        """Put the policy again."""
        return self.create(planned)

    def delete(self, state: State) -> None:
        """Do nothing. A key policy is deleted with its key, which is unusable without one."""
