"""What a customer key asks for: its consent to S3 Vectors' indexing, and rights of who calls.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from moto.kms.models import kms_backends

from s3vectors_local import Engine
from s3vectors_local.arns import Caller
from s3vectors_local.engine.state import BucketMode
from s3vectors_local.errors import AccessDeniedException
from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_arn

from .consent import Conditions, allows
from .roles import ACCOUNT, RolePolicies, find_acting_account

_INDEXING: Final = "indexing.s3vectors.amazonaws.com"


class KeyedEngine(Engine):
    """An engine that asks KMS before it makes an index which a customer key encrypts."""

    def __init__(self, policies: RolePolicies, bucket_mode: BucketMode) -> None:
        super().__init__(policies=policies, bucket_mode=bucket_mode)
        policies.key_of = self._find_key
        policies.check_key = _check_foreign_use

    def _find_key(self, arn: str) -> str | None:
        """The key of an index, or of the bucket that it is to be made in."""
        bucket = self._state.buckets.get(arn.partition("/index/")[0])
        index = self._state.indexes.get(arn)
        configured = index.configuration if index else bucket
        return configured.encryption.get("kmsKeyArn") if configured else None

    def caller(self, access_key: str | None, region: str) -> Caller:
        """Whose request it is: also a role's of another account."""
        return replace(super().caller(access_key, region), account=find_acting_account())

    def call(self, operation: str, request: Any, caller: Caller | None = None) -> dict[str, Any]:
        """Answer one request."""
        if operation == "CreateIndex":
            self._check_key(request, caller or Caller())
        return super().call(operation, request, caller)

    def _check_key(self, request: Mapping[str, Any], caller: Caller) -> None:
        bucket = self._state.buckets.get(caller.resolve_bucket_arn(request))
        if bucket is None:
            return  # which the engine says
        own = request.get("encryptionConfiguration") or bucket.encryption
        key = own.get("kmsKeyArn")
        index = f"{bucket.arn}/index/{request['indexName']}"
        if key and not _allows(key, index, caller.region):
            raise AccessDeniedException("Insufficient access to perform asynchronous indexing")


def _check_foreign_use(need: Need, caller: Caller) -> None:
    """Refuse a caller of another account unless the key's policy allows it what it needs."""
    region = need.resource.split(":")[3]
    key = kms_backends[ACCOUNT][region].keys.get(need.resource.rpartition("/")[2])
    conditions: Conditions = {
        ("StringEquals", "kms:ViaService"): lambda host: [host] == need.context["kms:viaservice"],
    }
    if key is None or not allows(
        key.policy, caller.role or caller.principal, need.action, conditions, kind="AWS"
    ):
        raise AccessDeniedException(
            f"User: {caller.principal} is not authorized to perform: {need.action} on resource: "
            f"{need.resource} because no resource-based policy allows the {need.action} action"
        )


def _allows(key: str, index: str, region: str) -> bool:
    """Whether the key's policy lets the service use it for this index."""
    keys = kms_backends[ACCOUNT][region].keys
    key_object = keys.get(key.rpartition("/")[2])
    if key_object is None or key_object.key_state != "Enabled":
        return False
    conditions: Conditions = {
        ("StringEquals", "aws:SourceAccount"): lambda account: account == ACCOUNT,
        ("ArnLike", "aws:SourceArn"): lambda pattern: matches_arn(pattern, index),
    }
    return allows(key_object.policy, _INDEXING, "kms:Decrypt", conditions)
