"""What the operations work on: the storage, and the buckets and indexes in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from s3vectors_local import tokens
from s3vectors_local.arns import Caller, bucket_arn, index_arn
from s3vectors_local.errors import NotFoundException, ValidationException
from s3vectors_local.index import Index, IndexConfiguration
from s3vectors_local.limits import LIST_PAGE
from s3vectors_local.storage import Storage

Request: TypeAlias = Mapping[str, Any]
Response: TypeAlias = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Bucket:
    """The attributes of a vector bucket, as CreateVectorBucket set them."""

    name: str
    arn: str
    created: float
    encryption: Mapping[str, str]
    mode: str
    tags: Mapping[str, str]


class State:
    """Every bucket and index by ARN; the caller of an operation holds the engine's lock."""

    def __init__(self, directory: Path | None) -> None:
        self.storage = Storage(directory)
        try:
            self.reload()
        except BaseException:
            self.storage.close()
            raise

    def reload(self) -> None:
        """Read everything anew from storage; vectors when they are first needed."""
        buckets = {arn: Bucket(**record) for arn, record in self.storage.records("buckets")}
        indexes = {
            arn: Index(self.storage, table, IndexConfiguration.from_record(record))
            for table, arn, record in self.storage.records("indexes")
        }
        self.buckets, self.indexes = buckets, indexes

    def bucket(self, request: Request, caller: Caller) -> Bucket:
        """The bucket that a request names by `vectorBucketName` or `vectorBucketArn`."""
        bucket = self.buckets.get(named_bucket(request, caller))
        if bucket is None:
            raise NotFoundException("The specified vector bucket could not be found")
        return bucket

    def index(self, request: Request, caller: Caller) -> Index:
        """The index that a request names by both names or by `indexArn`."""
        names = (request.get("vectorBucketName"), request.get("indexName"))
        index = self.indexes.get(index_arn(caller, *names, request.get("indexArn")))
        if index is None:
            raise NotFoundException("The specified index could not be found")
        return index

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


def named_bucket(request: Request, caller: Caller) -> str:
    """The ARN of the bucket that a request names, whether it exists or not."""
    return bucket_arn(caller, request.get("vectorBucketName"), request.get("vectorBucketArn"))


def encryption(request: Request) -> dict[str, str]:
    """The encryption that a Create request asks for; SSE-S3 when it does not say."""
    told = request.get("encryptionConfiguration", {})
    wanted = {name: told[name] for name in ("sseType", "kmsKeyArn") if told.get(name) is not None}
    wanted.setdefault("sseType", "AES256")
    if wanted["sseType"] == "AES256" and "kmsKeyArn" in wanted:
        raise ValidationException("kmsKeyArn must not be specified when sseType is AES256.")
    if wanted["sseType"] == "aws:kms" and "kmsKeyArn" not in wanted:
        raise ValidationException("kmsKeyArn must be specified when sseType is set to aws:kms")
    return wanted
