"""What the operations work on: the storage, and the buckets and indexes in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from s3vectors_local import tokens
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
        mode: the index mode of new indexes in it.
        classic: whether it is as those made before 2026-09-30, which support CLASSIC.
        policy: its bucket policy, a JSON text.
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
    """Every bucket and index by ARN; the caller of an operation holds the engine's lock."""

    def __init__(
        self,
        directory: Path | None,
        choices: Choices,
        bucket_mode: BucketMode,
        *,
        enforcing: bool,
    ) -> None:
        self.choices = choices
        self.bucket_mode = bucket_mode
        self.enforcing = enforcing
        self.storage = Storage(directory)
        self._doubtful = False
        try:
            self.reload()
            if enforcing:
                self._check_bucket_policies()
        except BaseException:
            self.storage.close()
            raise

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around whatever may change something.

        If it fails in a way that may leave memory and storage apart, memory is read anew
        before the next time; even if that has to wait, or fails at first.
        """
        if self._doubtful:
            self.reload()
        self._doubtful = True
        try:
            yield
        except ServiceError as error:
            # What the disk refuses is rolled back before anything is changed in memory
            failed = isinstance(error, InternalServerException) and not error.write_refused
            self._doubtful = failed
            raise
        self._doubtful = False

    def reload(self) -> None:
        """Read everything anew from storage; vectors when they are first needed."""
        self.storage.abandon()
        try:
            buckets = {arn: Bucket(**record) for arn, record in self.storage.records("buckets")}
            indexes = {
                arn: Index(self.storage, number, IndexConfiguration.from_record(told), self.choices)
                for number, arn, told in self.storage.records("indexes")
            }
        except (ValueError, TypeError, KeyError) as error:
            message = f"a record of a bucket or index is damaged: {error}"
            raise DataDirectoryError(message) from error
        for index in indexes.values():
            index.renew_texts()
        self.buckets, self.indexes = buckets, indexes
        self._doubtful = False

    def bucket(self, request: Request, caller: Caller) -> Bucket:
        """The bucket that a request names by `vectorBucketName` or `vectorBucketArn`."""
        bucket = self.buckets.get(caller.resolve_bucket_arn(request))
        if bucket is None:
            raise NotFoundException("The specified vector bucket could not be found")
        return bucket

    def put_bucket(self, bucket: Bucket, **changes: Any) -> None:
        """Store a bucket, new or with some attributes changed."""
        changed = replace(bucket, **changes)
        self.storage.put_bucket(bucket.arn, asdict(changed))
        self.buckets[bucket.arn] = changed

    def index(self, request: Request, caller: Caller) -> Index:
        """The index that a request names by both names or by `indexArn`."""
        index = self.indexes.get(caller.resolve_index_arn(request))
        if index is None:
            raise NotFoundException("The specified index could not be found")
        return index

    def tags_of(self, arn: str) -> Mapping[str, str] | None:
        """The tags of the bucket or index of that ARN; None when there is no such thing."""
        if arn in self.buckets:
            return self.buckets[arn].tags
        return self.indexes[arn].configuration.tags if arn in self.indexes else None

    def bucket_policy(self, arn: str) -> BucketPolicy | None:
        """The policy of the bucket of that ARN, or of the bucket of the index of that ARN."""
        bucket = self.buckets.get(arn.partition("/index/")[0])
        return None if bucket is None or bucket.policy is None else _read_policy(bucket.policy)

    def _check_bucket_policies(self) -> None:
        for arn, bucket in self.buckets.items():
            try:
                self.bucket_policy(arn)
            except PolicyError as error:  # noqa: PERF203 - once, when the engine starts
                raise PolicyError(
                    f"the stored policy of the vector bucket {bucket.name} cannot be enforced: "
                    f"{error}. Replace or delete it with an engine that has no identity policies"
                ) from error

    def indexes_of(self, bucket: str) -> list[Index]:
        """The indexes in the bucket of that ARN."""
        return [index for arn, index in self.indexes.items() if arn.startswith(f"{bucket}/index/")]

    def page(
        self, request: Request, scope: list[Any], named: Iterable[tuple[str, T]]
    ) -> tuple[list[T], Response]:
        """One page of things by name, and the `nextToken` member if more follow."""
        scope = [*scope, request.get("prefix")]
        prefix, token = request.get("prefix", ""), request.get("nextToken")
        after = tokens.position(self.storage.secret, scope, token) if token else ""
        left = sorted((n, thing) for n, thing in named if n > after and n.startswith(prefix))
        page = left[: request.get("maxResults", LIST_PAGE)]
        if len(page) == len(left):
            return [thing for _, thing in page], {}
        next_token = tokens.seal(self.storage.secret, scope, page[-1][0])
        return [thing for _, thing in page], {"nextToken": next_token}


@lru_cache(maxsize=64)
def _read_policy(document: str) -> BucketPolicy:
    return BucketPolicy(document)


def encryption(request: Request, caller: Caller) -> dict[str, str]:
    """The encryption that a Create request asks for; SSE-S3 when it does not say."""
    told = request.get("encryptionConfiguration", {})
    wanted = {name: told[name] for name in ("sseType", "kmsKeyArn") if told.get(name) is not None}
    wanted.setdefault("sseType", "AES256")
    if wanted["sseType"] == "AES256" and "kmsKeyArn" in wanted:
        raise ValidationException("kmsKeyArn must not be specified when sseType is AES256.")
    if wanted["sseType"] == "aws:kms" and "kmsKeyArn" not in wanted:
        raise ValidationException("kmsKeyArn must be specified when sseType is set to aws:kms")
    key = wanted.get("kmsKeyArn")
    if key is not None and key.split(":")[3] != caller.region:
        raise ValidationException("kmsKeyArn must be a key in the same region")
    return wanted
