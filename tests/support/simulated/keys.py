"""KMS's part in S3 Vectors: a key policy has to allow the indexing service and foreign callers.

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

from .resource_policies import Conditions, allows
from .roles import ACCOUNT, RolePolicies, find_acting_account

_INDEXING_SERVICE: Final = "indexing.s3vectors.amazonaws.com"


class KeyedEngine(Engine):
    """An engine that checks the key policy before it creates an index with a customer key."""

    def __init__(self, policies: RolePolicies, bucket_mode: BucketMode) -> None:
        super().__init__(policies=policies, bucket_mode=bucket_mode)
        policies.find_key = self._find_key
        policies.check_key = _check_foreign_use

    def _find_key(self, arn: str) -> str | None:
        """Return the key of an existing index, or that of the bucket for a new index."""
        bucket = self._state.buckets.get(arn.partition("/index/")[0])
        index = self._state.indexes.get(arn)
        configured = index.configuration if index else bucket
        return configured.encryption.get("kmsKeyArn") if configured else None

    def caller(self, access_key: str | None, region: str) -> Caller:
        """Return the caller of a request, with the account of the acting role."""
        return replace(super().caller(access_key, region), account=find_acting_account())

    def call(self, operation: str, request: Any, caller: Caller | None = None) -> dict[str, Any]:
        """Answer one request."""
        if operation == "CreateIndex":
            self._check_key(request, caller or Caller())
        return super().call(operation, request, caller)

    def _check_key(self, request: Mapping[str, Any], caller: Caller) -> None:
        bucket = self._state.buckets.get(caller.resolve_bucket_arn(request))
        if bucket is None:
            return  # the engine reports the missing bucket
        encryption = request.get("encryptionConfiguration") or bucket.encryption
        key_arn = encryption.get("kmsKeyArn")
        index_arn = f"{bucket.arn}/index/{request['indexName']}"
        if key_arn and not _allows_indexing(key_arn, index_arn, caller.region):
            raise AccessDeniedException("Insufficient access to perform asynchronous indexing")


def _check_foreign_use(need: Need, caller: Caller) -> None:
    """Refuse a caller of another account unless the key policy allows the action."""
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


def _allows_indexing(key_arn: str, index_arn: str, region: str) -> bool:
    """Whether the key is enabled, and its policy lets the indexing service use it."""
    key = kms_backends[ACCOUNT][region].keys.get(key_arn.rpartition("/")[2])
    if key is None or key.key_state != "Enabled":
        return False
    conditions: Conditions = {
        ("StringEquals", "aws:SourceAccount"): lambda account: account == ACCOUNT,
        ("ArnLike", "aws:SourceArn"): lambda pattern: matches_arn(pattern, index_arn),
    }
    return allows(key.policy, _INDEXING_SERVICE, "kms:Decrypt", conditions)
