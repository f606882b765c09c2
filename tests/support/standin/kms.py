"""Customer keys."""

from __future__ import annotations

import json
from typing import Any, Final

from .far_end import Provider, call, or_none

State = dict[str, Any]

_DAYS: Final = 30
"""Until a deleted key is gone, unless told otherwise."""


class _Kms:
    def __init__(self, provider: Provider) -> None:
        self.client = provider.client("kms")

    def _document(self, key: str) -> str:
        answer = self.client.get_key_policy(KeyId=key, PolicyName="default")
        return str(answer["Policy"])


class Key(_Kms):
    """aws_kms_key."""

    def create(self, planned: State) -> State:
        """Make it."""
        tags = planned["tags_all"] or {}
        made = call(
            "creating KMS Key",
            self.client.create_key,
            Description=planned["description"] or "",
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
        )["KeyMetadata"]
        if planned["enable_key_rotation"]:
            self.client.enable_key_rotation(KeyId=made["KeyId"])
        told = {"arn": made["Arn"], "key_id": made["KeyId"], "id": made["KeyId"]}
        return {**planned, **told, "multi_region": False, "policy": self._document(made["KeyId"])}

    def read(self, state: State) -> State | None:
        """What there is of it now."""
        answer = or_none(
            self.client, "NotFoundException", self.client.describe_key, KeyId=state["id"]
        )
        if answer is None or answer["KeyMetadata"]["KeyState"] == "PendingDeletion":
            return None
        return {**state, "policy": self._document(state["id"])}

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - as for the others
        """Only tags change here."""
        tags = planned["tags_all"] or {}
        written = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
        call("tagging KMS Key", self.client.tag_resource, KeyId=planned["id"], Tags=written)
        return planned

    def delete(self, state: State) -> None:
        """Have it deleted later."""
        days = state["deletion_window_in_days"] or _DAYS
        delete = self.client.schedule_key_deletion
        call("deleting KMS Key", delete, KeyId=state["id"], PendingWindowInDays=days)


class KeyPolicy(_Kms):
    """aws_kms_key_policy."""

    def create(self, planned: State) -> State:
        """Put it."""
        document = {"KeyId": planned["key_id"], "Policy": planned["policy"]}
        call("putting KMS Key Policy", self.client.put_key_policy, PolicyName="default", **document)
        return {**planned, "id": planned["key_id"]}

    def read(self, state: State) -> State | None:
        """What there is of it now."""
        document = self._document(state["key_id"])
        same = json.loads(document) == json.loads(state["policy"])
        return state if same else {**state, "policy": document}

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - as for the others
        """Put it again."""
        return self.create(planned)

    def delete(self, state: State) -> None:
        """Leave what only goes with the key: nobody could use it without a policy."""
