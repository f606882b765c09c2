"""What a policy is held against: the level, the bucket, its indexes, the key. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from stache_ai_s3vectors.permissions import LEVELS

from .actions import PREFIX
from .findings import listed


@dataclass(frozen=True)
class Need:
    """One action, with its service's prefix, on one ARN."""

    action: str
    resource: str


@dataclass(frozen=True)
class Target:
    """What was asked about.

    Args:
        level: one of `permissions.LEVELS`.
        bucket_arn: `arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME`.
        indexes: names of its indexes.
        key: the ARN of the customer key that encrypts them; None says nothing of keys.
    """

    level: str
    bucket_arn: str
    indexes: tuple[str, ...]
    key: str | None = None

    @property
    def partition(self) -> str:
        """Such as "aws"."""
        return self.bucket_arn.split(":")[1]

    @property
    def region(self) -> str:
        """Such as "eu-central-1"."""
        return self.bucket_arn.split(":")[3]

    @property
    def account(self) -> str:
        """Twelve digits."""
        return self.bucket_arn.split(":")[4]

    @property
    def bucket(self) -> str:
        """Its name."""
        return self.bucket_arn.partition(":bucket/")[2]

    @property
    def index_arns(self) -> tuple[str, ...]:
        """In the order of the names."""
        return tuple(f"{self.bucket_arn}/index/{name}" for name in self.indexes)

    @property
    def needs(self) -> tuple[Need, ...]:
        """All that the level must be allowed."""
        level = LEVELS[self.level]
        keys = [self.key] if self.key else []
        return tuple(
            Need(f"{prefix}{action}", resource)
            for prefix, actions, resources in (
                (PREFIX, level.index, self.index_arns),
                (PREFIX, level.bucket, [self.bucket_arn]),
                ("kms:", level.key, keys),
            )
            for action in sorted(actions)
            for resource in resources
        )

    def places(self, resources: Collection[str]) -> str:
        """Some of its resources in words: "index documents", "the bucket and the key"."""
        names = [
            n for n, arn in zip(self.indexes, self.index_arns, strict=True) if arn in resources
        ]
        words = []
        if names:
            words.append(f"{'index' if len(names) == 1 else 'indexes'} {listed(names)}")
        if self.bucket_arn in resources:
            words.append(f"bucket {self.bucket}")
        if self.key in resources:
            words.append("the key")
        return listed(words)
