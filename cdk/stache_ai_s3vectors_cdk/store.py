"""The construct: vector bucket, indexes, permissions, and the environment of a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3vectors as s3vectors
from constructs import Construct

from stache_ai_s3vectors.keys import KINDS, index_variable
from stache_ai_s3vectors.permissions import LEVELS, policy

from .bucket import created_bucket, name_of
from .index import (
    Index,
    VectorIndexOptions,
    as_text,
    check_dimension,
    check_metric,
    check_together,
    completed,
)
from .key import check_key, created_key

READ: Final = "read"
READ_WRITE: Final = "read-write"
MANAGE_INDEXES: Final = "manage-indexes"

_TAG_PRIORITY: Final = 50
"""Below 100, the CDK's own for tags."""


class StacheVectorStore(Construct):
    """Stache's vector store: a vector bucket with its indexes, and who may do what with them.

    Args:
        scope: where it belongs.
        id: its name there.
        prefix: the bucket is called PREFIX-vectors-ACCOUNT.
        bucket_name: instead of that.
        existing_bucket: the bucket of that name is there already, and is used.
        dimension: of the embeddings, 1 to 4096.
        distance_metric: "cosine" or "euclidean".
        indexes: by kind; by default documents, summaries and insights.
        encryption_key: a customer key whose policy lets S3 Vectors use it; by default the
            bucket is encrypted with keys of S3's own.
        create_encryption_key: make such a key.
        removal_policy: of the bucket, the indexes and a key that was made; they stay unless
            you say otherwise, or unless their very creation is rolled back.

    Attributes:
        bucket_name: the vector bucket's name.
        encryption_key: the bucket's customer key; None without.

    Raises:
        ValueError: names the prop, the value, what is allowed and the fix.
    """

    def __init__(  # noqa: PLR0913 - props, in the manner of the CDK
        self,
        scope: Construct,
        id: str,  # noqa: A002 - as every construct calls it
        *,
        prefix: str = "stache",
        bucket_name: str | None = None,
        existing_bucket: bool = False,
        dimension: int = 1024,
        distance_metric: str = "cosine",
        indexes: Mapping[str, VectorIndexOptions] | None = None,
        encryption_key: kms.IKey | None = None,
        create_encryption_key: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_dimension("dimension", dimension)
        check_metric("distance_metric", distance_metric)
        if existing_bucket and create_encryption_key:
            raise ValueError(
                "existing_bucket and create_encryption_key are both True, but a bucket's key is "
                "chosen when it is made; give the key that it has as encryption_key"
            )
        given = dict.fromkeys(KINDS, VectorIndexOptions()) if indexes is None else indexes
        self._indexes = completed(given, dimension, distance_metric)
        self._check_keys(encryption_key, create=create_encryption_key)
        check_together(self._indexes, existing_bucket=existing_bucket)
        self.bucket_name = name_of(self, prefix, bucket_name, existing=existing_bucket)
        self.encryption_key = (
            created_key(self, self.bucket_arn, removal_policy)
            if create_encryption_key
            else encryption_key
        )
        bucket = (
            None
            if existing_bucket
            else created_bucket(self, self.bucket_name, self.encryption_key, removal_policy)
        )
        for kind, index in self._indexes.items():
            if not index.existing:
                self._create_index(kind, index, bucket, removal_policy)
        # Yours, on an app or a stack, win
        Tags.of(self).add("Application", "stache", priority=_TAG_PRIORITY)

    @classmethod
    def from_store_attributes(  # noqa: PLR0913 - attributes, in the manner of the CDK
        cls,
        scope: Construct,
        id: str,  # noqa: A002 - as every construct calls it
        *,
        bucket_name: str,
        index_names: Mapping[str, str],
        dimension: int = 1024,
        encryption_key: kms.IKey | None = None,
    ) -> StacheVectorStore:
        """A store that was made elsewhere: by another stack, or before. Creates nothing.

        It is one of this stack's region and account, whose indexes have no keys of their own.

        Args:
            scope: where it belongs.
            id: its name there.
            bucket_name: the bucket's.
            index_names: by kind.
            dimension: of its embeddings.
            encryption_key: the customer key that encrypts it, if one does.
        """
        return cls(
            scope,
            id,
            bucket_name=bucket_name,
            existing_bucket=True,
            dimension=dimension,
            indexes={
                kind: VectorIndexOptions(name=name, existing=True)
                for kind, name in index_names.items()
            },
            encryption_key=encryption_key,
        )

    @property
    def bucket_arn(self) -> str:
        """The vector bucket's ARN, in the deployment's partition, region and account."""
        return Stack.of(self).format_arn(
            service="s3vectors", resource="bucket", resource_name=self.bucket_name
        )

    @property
    def index_names(self) -> dict[str, str]:
        """The indexes' names, by kind."""
        return {kind: index.name for kind, index in self._indexes.items()}

    def index_arn(self, kind: str) -> str:
        """An index's ARN.

        Raises:
            ValueError: the store has no index of that kind.
        """
        if kind not in self._indexes:
            raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(self._indexes)}")
        return f"{self.bucket_arn}/index/{self._indexes[kind].name}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a function that runs Stache."""
        used = {kind: self._indexes[kind] for kind in KINDS if kind in self._indexes}
        first = next(iter((*used.values(), *self._indexes.values())))
        return {
            "VECTORDB_PROVIDER": "s3vectors",
            "S3VECTORS_BUCKET_NAME": self.bucket_name,
            "S3VECTORS_BUCKET": self.bucket_name,
            "S3VECTORS_REGION": Stack.of(self).region,
            **{index_variable(kind): index.name for kind, index in used.items()},
            "EMBEDDING_DIMENSION": as_text(first.dimension),
        }

    def managed_policy(self, level: str) -> iam.ManagedPolicy:
        """The managed policy of a level: "read", "read-write" or "manage-indexes".

        Made when it is asked for first. Grants need none: they add to the grantee's own policy.

        Raises:
            ValueError: there is no such level.
        """
        _check_level(level)
        id_ = "".join(word.capitalize() for word in level.split("-")) + "Policy"
        made = self.node.try_find_child(id_)
        if isinstance(made, iam.ManagedPolicy):
            return made
        names = list(self.index_names.values())
        keys = [key.key_arn for key in self._keys()]
        document = policy(level, self.bucket_arn, names, list(dict.fromkeys(keys)))
        return iam.ManagedPolicy(
            self,
            id_,
            description=f"{level} on Stache's vectors",
            document=iam.PolicyDocument.from_json(document),
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody search."""
        return self._grant(grantee, READ)

    def grant_read_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody do all that Stache does."""
        return self._grant(grantee, READ_WRITE)

    def grant_manage_indexes(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody make and upgrade the indexes, too."""
        return self._grant(grantee, MANAGE_INDEXES)

    def connect(self, function: lambda_.Function, *, level: str = READ_WRITE) -> iam.Grant:
        """Grant a function a level, and set its environment.

        Raises:
            ValueError: there is no such level.
        """
        grant = self._grant(function, level)
        for name, value in self.environment.items():
            function.add_environment(name, value)
        return grant

    def _grant(self, grantee: iam.IGrantable, level: str) -> iam.Grant:
        _check_level(level)
        actions = LEVELS[level]
        grant = _granted(grantee, actions.index, [self.index_arn(kind) for kind in self._indexes])
        if actions.bucket:
            grant = grant.combine(_granted(grantee, actions.bucket, [self.bucket_arn]))
        for key in self._keys():
            grant = grant.combine(key.grant(grantee, *(f"kms:{name}" for name in actions.key)))
        return grant

    def _keys(self) -> list[kms.IKey]:
        """The bucket's key and the indexes' own."""
        keys = [self.encryption_key, *(index.encryption_key for index in self._indexes.values())]
        return [key for key in keys if key is not None]

    def _check_keys(self, given: kms.IKey | None, *, create: bool) -> None:
        if given is not None and create:
            raise ValueError(
                "encryption_key is given and create_encryption_key is True; leave one of them out"
            )
        check_key(self, "encryption_key", given)
        for kind, index in self._indexes.items():
            check_key(self, f"indexes[{kind!r}].encryption_key", index.encryption_key)

    def _create_index(
        self,
        kind: str,
        index: Index,
        bucket: s3vectors.CfnVectorBucket | None,
        removal_policy: RemovalPolicy,
    ) -> None:
        created = s3vectors.CfnIndex(
            self,
            f"{kind}-index",
            index_name=index.name,
            vector_bucket_name=self.bucket_name,
            data_type="float32",
            dimension=index.dimension,
            distance_metric=index.distance_metric,
            metadata_configuration=s3vectors.CfnIndex.MetadataConfigurationProperty(
                non_filterable_metadata_keys=list(index.keys)
            ),
            encryption_configuration=_encryption(index.encryption_key),
        )
        created.apply_removal_policy(removal_policy)
        if bucket is not None:
            created.add_resource_dependency(
                bucket
            )  # by its name alone, CloudFormation does not see it


def _encryption(
    key: kms.IKey | None,
) -> s3vectors.CfnIndex.EncryptionConfigurationProperty | None:
    if key is None:
        return None  # the bucket's
    return s3vectors.CfnIndex.EncryptionConfigurationProperty(
        sse_type="aws:kms", kms_key_arn=key.key_arn
    )


def _granted(grantee: iam.IGrantable, names: Sequence[str], arns: list[str]) -> iam.Grant:
    actions = [f"s3vectors:{name}" for name in sorted(names)]
    return iam.Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=arns)


def _check_level(level: str) -> None:
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; it must be one of {', '.join(LEVELS)}")
