"""The target of a check: the actions of S3 Vectors, the level, the ARNs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

from s3vectors_local import Caller
from s3vectors_local.iam import ACTIONS, Need, Statement, find_needs
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service import permissions
from stache_ai_s3vectors.service.arns import format_via_service

from .arns import SERVICE, find_kinds
from .findings import join_names

KMS: Final = "kms:"
VIA_SERVICE: Final = permissions.VIA_SERVICE.lower()
PREFIX: Final = "s3vectors:"

_REQUEST: Final[Mapping[str, Any]] = {
    "vectorBucketName": "bucket",
    "indexName": "index",
    "tags": {"": "value"},
    "tagKeys": ["key"],
    "encryptionConfiguration": {"sseType": "aws:kms", "kmsKeyArn": "arn"},
}
"""The members of requests on which the resource and the condition keys of an action depend."""

_OF_TAGS: Final = ("aws:resourcetag/", "s3vectors:vectorbuckettag/")
"""Condition keys of the tags of a resource."""


@dataclass(frozen=True)
class Action:
    """An action: the kinds of resources that it is authorized on, and its condition keys.

    Args:
        kinds: "bucket", "index" or both; nothing when only the Resource "*" allows it.
        keys: in lower case; after one that ends in "/" the key of a tag follows.
    """

    kinds: frozenset[str]
    keys: frozenset[str]


@cache
def list_actions() -> Mapping[str, Action]:
    """Every action of S3 Vectors, by its name."""
    actions, caller = {}, Caller()
    arns = [caller.format_bucket_arn("bucket") + path for path in ("", "/index/index")]
    requests = [{**_REQUEST, "resourceArn": arn} for arn in arns]
    for name in sorted(ACTIONS):
        operation = name.removeprefix(PREFIX)
        needs = [find_needs(operation, r, caller, lambda _: {"": ""})[0] for r in requests]
        kinds = frozenset(kind for need in needs for kind in find_kinds(need.resource))
        # Without a resource, there are no tags of one
        keys = frozenset(
            key for need in needs for key in need.context if kinds or not key.startswith(_OF_TAGS)
        )
        actions[name] = Action(kinds, keys)
    return actions


def expand_action(pattern: str) -> tuple[str, ...]:
    """The actions of S3 Vectors that a pattern matches."""
    return tuple(name for name in list_actions() if matches_action(pattern, name))


@dataclass(frozen=True)
class Target:
    """The permissions that the policies must give.

    Args:
        level: one of `permissions.LEVELS`.
        bucket_arn: `arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME`.
        indexes: names of its indexes.
        key: the ARN of the customer key that encrypts them; None to leave KMS out.
    """

    level: str
    bucket_arn: str
    indexes: tuple[str, ...]
    key: str | None = None

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.bucket_arn.partition(":bucket/")[2]

    @property
    def via_service(self) -> str:
        """The name of S3 Vectors in `kms:ViaService`, because it uses the key."""
        _, partition, _, region, *_ = self.bucket_arn.split(":")
        return format_via_service(partition, region)

    @cached_property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of the bucket and of its indexes."""
        return (self.bucket_arn, *(f"{self.bucket_arn}/index/{name}" for name in self.indexes))

    @cached_property
    def _neighbors(self) -> list[str]:
        """The ARNs of another index, bucket, account and region."""
        *_, region, account, _ = self.bucket_arn.split(":")
        buckets = (
            self.bucket_arn,
            f"{self.bucket_arn}-other",
            self.bucket_arn.replace(f":{account}:", ":000000000000:"),
            self.bucket_arn.replace(f":{region}:", ":another-region-1:"),
        )
        paths = ("", f"/index/{self.indexes[0]}", "/index/another-index")
        return [bucket + path for bucket in buckets for path in paths]

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """The requests that the level's own policy allows."""
        keys = [self.key] if self.key else []
        policy = permissions.build_policy(self.level, self.bucket_arn, self.indexes, keys)
        return tuple(
            self.make_need(action, resource)
            for statement in policy["Statement"]
            for action in statement["Action"]
            for resource in statement["Resource"]
        )

    def make_need(self, action: str, resource: str) -> Need:
        """Make a request of the provider, which uses HTTPS, and keys through S3 Vectors only.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html
        """
        context: dict[str, Sequence[str]] = {"aws:securetransport": ["true"]}
        # Of other resources, a condition on the region or account may hold
        if resource in (*self.arns, self.key, "*"):
            arn = self.bucket_arn if resource == "*" else resource
            region, account = arn.split(":")[3:5]
            context |= {"aws:requestedregion": [region], "aws:resourceaccount": [account]}
        if action.lower().startswith(KMS):
            context[VIA_SERVICE] = [self.via_service]
            names = ("aws:s3vectors:arn", "aws:s3vectors:resource-id")
            context["kms:encryptioncontextkeys"] = names
        return Need(action, resource, context)

    def list_probes(self, statement: Statement) -> Iterator[Need]:
        """Requests of each action of S3 Vectors, and of those on the key that a statement names.

        They are on the ARNs of the target, on their neighbors, and on what the statement names.
        """
        arns = (*self.arns, *self._neighbors, *statement.resources)
        for name, action in list_actions().items():
            fitting = [arn for arn in arns if find_kinds(arn) & action.kinds]
            yield from (self.make_need(name, arn) for arn in (fitting if action.kinds else ["*"]))
        if self.key:
            keys = (item for item in statement.actions if item.lower().startswith(KMS))
            needed = (need.action for need in self.needs if need.resource == self.key)
            for need in (self.make_need(name, self.key) for name in (*needed, *keys)):
                yield from (need, *self.list_direct_uses(need))

    def list_direct_uses(self, need: Need) -> list[Need]:
        """The request on a key as the caller itself sends it, and through another service."""
        other = {VIA_SERVICE: [self.via_service.replace(SERVICE, "s3", 1)]}
        context = {key: need.context[key] for key in need.context if key != VIA_SERVICE}
        return [replace(need, context=context), replace(need, context=context | other)]

    def list_needed(self, pattern: str) -> list[str]:
        """The actions that the level needs and a pattern matches."""
        return sorted({n.action for n in self.needs if matches_action(pattern, n.action)})

    def name_places(self, resources: Collection[str]) -> str:
        """Name resources in a sentence: "index documents", "bucket vectors and the key"."""
        names = [name for name in self.indexes if f"{self.bucket_arn}/index/{name}" in resources]
        places = {
            f"{'index' if len(names) == 1 else 'indexes'} {join_names(names or [''])}": names,
            f"bucket {self.bucket}": self.bucket_arn in resources,
            "the key": self.key in resources,
        }
        return join_names(place for place, named in places.items() if named)
