"""The buckets and indexes of an engine, and their storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from s3vectors_local import page_tokens
from s3vectors_local.arns import Caller
from s3vectors_local.choices import Choices
from s3vectors_local.configuration import IndexConfiguration
from s3vectors_local.errors import (
    DataDirectoryError,
    InternalServerException,
    NotFoundException,
    PolicyError,
    ServiceError,
    ValidationException,
)
from s3vectors_local.iam import BucketPolicy
from s3vectors_local.index import Index
from s3vectors_local.limits import LIST_PAGE
from s3vectors_local.storage import Storage

BucketMode: TypeAlias = Literal["enhanced", "classic"]
Request: TypeAlias = Mapping[str, Any]
Response: TypeAlias = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Bucket:
    """The attributes of a vector bucket.

    Args:
        mode: the index mode of new indexes.
        classic: whether it supports CLASSIC mode, like buckets created before 2026-09-30.
        policy: its bucket policy, as JSON text.
    """

    name: str
    arn: str
    created: float
    encryption: Mapping[str, str]
    mode: str
    classic: bool
    tags: Mapping[str, str]
    policy: str | None = None


class State:
    """All buckets and indexes by ARN. Operations run with the engine's lock."""

    def __init__(
        self,
        directory: Path | None,
        choices: Choices,
        bucket_mode: BucketMode,
        *,
        create: bool,
        enforcing: bool,
    ) -> None:
        self.choices = choices
        self.bucket_mode = bucket_mode
        self.enforcing = enforcing
        self.storage = Storage(directory, create=create)
        self._may_differ = False
        try:
            self.reload()
            if enforcing:
                self._check_bucket_policies()
        except BaseException:
            self.storage.close()
            raise

    @contextmanager
    def recover_after_failure(self) -> Iterator[None]:
        """Use around every operation that may change data.

        If an operation fails so that memory and storage may differ, the next one reloads memory
        from storage first.
        """
        if self._may_differ:
            self.reload()
        self._may_differ = True
        try:
            yield
        except ServiceError as error:
            # A write that the disk refuses is rolled back before memory is changed
            failed = isinstance(error, InternalServerException) and not error.write_refused
            self._may_differ = failed
            raise
        self._may_differ = False

    def reload(self) -> None:
        """Reload everything from storage; vectors when they are first needed."""
        self.storage.abandon()
        try:
            buckets = {
                arn: Bucket(**record) for arn, record in self.storage.read_records("buckets")
            }
            indexes = {
                arn: Index(
                    self.storage, number, IndexConfiguration.from_record(record), self.choices
                )
                for number, arn, record in self.storage.read_records("indexes")
            }
        except (ValueError, TypeError, KeyError) as error:
            message = f"a record of a bucket or index is damaged: {error}"
            raise DataDirectoryError(message) from error
        for index in indexes.values():
            index.renew_texts()
        self.buckets, self.indexes = buckets, indexes
        self._may_differ = False

    def find_bucket(self, request: Request, caller: Caller) -> Bucket:
        """Return the bucket that a request names by name or ARN."""
        bucket = self.buckets.get(caller.resolve_bucket_arn(request))
        if bucket is None:
            raise NotFoundException("The specified vector bucket could not be found")
        return bucket

    def put_bucket(self, bucket: Bucket, **changes: Any) -> None:
        """Store a bucket, new or with changed attributes."""
        changed = replace(bucket, **changes)
        self.storage.put_bucket(bucket.arn, asdict(changed))
        self.buckets[bucket.arn] = changed

    def find_index(self, request: Request, caller: Caller) -> Index:
        """Return the index that a request names by names or ARN."""
        index = self.indexes.get(caller.resolve_index_arn(request))
        if index is None:
            raise NotFoundException("The specified index could not be found")
        return index

    def get_tags(self, arn: str) -> Mapping[str, str] | None:
        """Return the tags of a bucket or index by ARN; None if it does not exist."""
        if arn in self.buckets:
            return self.buckets[arn].tags
        return self.indexes[arn].configuration.tags if arn in self.indexes else None

    def get_bucket_policy(self, arn: str) -> BucketPolicy | None:
        """Return the bucket policy for the ARN of a bucket or index, or None."""
        bucket = self.buckets.get(arn.partition("/index/")[0])
        return None if bucket is None or bucket.policy is None else _read_policy(bucket.policy)

    def _check_bucket_policies(self) -> None:
        for arn, bucket in self.buckets.items():
            try:
                self.get_bucket_policy(arn)
            except PolicyError as error:  # noqa: PERF203 - once, at the start
                raise PolicyError(
                    f"the stored policy of the vector bucket {bucket.name} cannot be enforced: "
                    f"{error}. Replace or delete it with an engine that has no identity policies"
                ) from error

    def list_indexes(self, bucket: str) -> list[Index]:
        """Return the indexes of a bucket by ARN."""
        return [index for arn, index in self.indexes.items() if arn.startswith(f"{bucket}/index/")]

    def take_page(
        self, request: Request, scope: list[Any], items: Iterable[tuple[str, T]]
    ) -> tuple[list[T], Response]:
        """Return one page of named items, and the member `nextToken` if there are more."""
        scope = [*scope, request.get("prefix")]
        prefix, token = request.get("prefix", ""), request.get("nextToken")
        after = page_tokens.decode(self.storage.secret, scope, token) if token else ""
        remaining = sorted((n, item) for n, item in items if n > after and n.startswith(prefix))
        page = remaining[: request.get("maxResults", LIST_PAGE)]
        if len(page) == len(remaining):
            return [item for _, item in page], {}
        next_token = page_tokens.encode(self.storage.secret, scope, page[-1][0])
        return [item for _, item in page], {"nextToken": next_token}


@lru_cache(maxsize=64)
def _read_policy(document: str) -> BucketPolicy:
    return BucketPolicy(document)


def resolve_encryption(request: Request, caller: Caller) -> dict[str, str]:
    """Return the encryption of a Create request; SSE-S3 by default."""
    requested = request.get("encryptionConfiguration", {})
    encryption = {
        name: requested[name]
        for name in ("sseType", "kmsKeyArn")
        if requested.get(name) is not None
    }
    encryption.setdefault("sseType", "AES256")
    if encryption["sseType"] == "AES256" and "kmsKeyArn" in encryption:
        raise ValidationException("kmsKeyArn must not be specified when sseType is AES256.")
    if encryption["sseType"] == "aws:kms" and "kmsKeyArn" not in encryption:
        raise ValidationException("kmsKeyArn must be specified when sseType is set to aws:kms")
    key = encryption.get("kmsKeyArn")
    if key is not None and key.split(":")[3] != caller.region:
        raise ValidationException("kmsKeyArn must be a key in the same region")
    return encryption
