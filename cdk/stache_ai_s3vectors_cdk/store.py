"""The construct: vector bucket, indexes, permissions, and the environment of a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Final

from aws_cdk import Acknowledgment, ArnFormat, RemovalPolicy, Stack, Token, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3vectors as s3vectors
from constructs import Construct, IConstruct

from stache_ai_s3vectors.service.arns import BUCKET_ARN
from stache_ai_s3vectors.service.metadata_keys import KINDS, TEXT, index_variable
from stache_ai_s3vectors.service.permissions import LEVELS, build_key_statement, build_policy

from .bucket import check_unique, choose_name, create_bucket
from .index import (
    STANDARD,
    Index,
    VectorIndexOptions,
    check_consistency,
    check_dimension,
    check_metric,
    check_text_search,
    complete_indexes,
    to_string,
)
from .key import check_key, create_key
from .sharing import check_account, check_principals, create_bucket_policy, grant, list_policies

READ: Final = "read"
READ_WRITE: Final = "read-write"
MANAGE_INDEXES: Final = "manage-indexes"


class StacheVectorStore(Construct):
    """Stache's vector store: a vector bucket with its indexes, and the permissions to use them.

    Args:
        scope: the construct's scope.
        id: the construct's id.
        prefix: the bucket's name is PREFIX-vectors-ACCOUNT.
        bucket_name: replaces that name.
        existing_bucket: use the bucket of that name instead of creating one.
        dimension: number of dimensions of the embeddings, 1 to 4096.
        distance_metric: "cosine" or "euclidean".
        indexes: by kind; by default documents, summaries and insights.
        encryption_key: a customer key whose policy lets S3 Vectors use it; by default the
            bucket is encrypted with S3's own keys.
        create_encryption_key: create such a key.
        readers: ARNs of principals of other accounts that may search, and read all vectors:
            roles, users, or a whole account by its root.
        writers: ARNs of principals of other accounts that may do all that Stache does.
        text_search: "standard" or a language (en, fr, es, pt, it, de, nl, zh, ja, ko), for hybrid
            search; by default the indexes have none.
        removal_policy: what happens to the bucket, the indexes and a created key when the stack
            is deleted; by default they stay, unless their creation is rolled back.

    Attributes:
        bucket_name: the vector bucket's name.
        encryption_key: the bucket's customer key, or None.

    Raises:
        TypeError, ValueError: names the prop, the value, what is allowed and the fix.
    """

    def __init__(  # noqa: PLR0913 - props, as in the CDK
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct uses
        *,
        prefix: str = "stache",
        bucket_name: str | None = None,
        existing_bucket: bool = False,
        dimension: int = 1024,
        distance_metric: str = "cosine",
        indexes: Mapping[str, VectorIndexOptions] | None = None,
        encryption_key: kms.IKey | None = None,
        create_encryption_key: bool = False,
        readers: Sequence[str] = (),
        writers: Sequence[str] = (),
        text_search: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_dimension("dimension", dimension)
        check_metric("distance_metric", distance_metric)
        check_text_search(text_search)
        check_principals("readers", readers)
        check_principals("writers", writers)
        if existing_bucket and create_encryption_key:
            raise ValueError(
                "existing_bucket and create_encryption_key are both True, but a bucket's key is "
                "set when the bucket is created; give the key of the bucket as encryption_key"
            )
        options = dict.fromkeys(KINDS, VectorIndexOptions()) if indexes is None else indexes
        self._indexes = complete_indexes(options, dimension, distance_metric)
        self._check_encryption_keys(encryption_key, create=create_encryption_key)
        check_consistency(self._indexes, existing_bucket=existing_bucket)
        self._foreign_arn: str | None = None
        self._resources: list[Construct] = []
        self.bucket_name = choose_name(self, prefix, bucket_name, existing=existing_bucket)
        if not existing_bucket:
            check_unique(self, self.bucket_name)
        sharing = (
            [build_key_statement([*readers, *writers], self._via_service)]
            if readers or writers
            else []
        )
        self.encryption_key = (
            create_key(self, self.bucket_arn, removal_policy, sharing)
            if create_encryption_key
            else encryption_key
        )
        bucket = (
            None
            if existing_bucket
            else create_bucket(self, self.bucket_name, self.encryption_key, removal_policy)
        )
        if bucket is not None:
            self._resources.append(bucket)
        for kind, index in self._indexes.items():
            if not index.existing:
                created = self._create_index(kind, index, bucket, removal_policy)
                _add_text_search(created, text_search)
                self._resources.append(created)
        if readers or writers:
            names = list(self.index_names.values())
            bucket_ids = (self.bucket_name, self.bucket_arn)
            policy = create_bucket_policy(self, bucket_ids, names, readers, writers)
            if bucket is not None:
                policy.add_resource_dependency(bucket)

    @classmethod
    def from_store_attributes(  # noqa: PLR0913 - attributes, as in the CDK
        cls,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct uses
        *,
        bucket_name: str | None = None,
        bucket_arn: str | None = None,
        index_names: Mapping[str, str],
        dimension: int = 1024,
        encryption_key: kms.IKey | None = None,
    ) -> StacheVectorStore:
        """Refer to a store that another stack created, or that already existed. Creates nothing.

        Its indexes have no keys of their own.

        Args:
            scope: the construct's scope.
            id: the construct's id.
            bucket_name: a bucket in this stack's region and account.
            bucket_arn: instead of the name, the ARN of a bucket in any region or account. One of
                another account must also allow the grantees in its policy: see `readers` and
                `writers`.
            index_names: by kind; must include "documents".
            dimension: number of dimensions of its embeddings.
            encryption_key: the customer key that encrypts it, if any.

        Raises:
            ValueError: names the attribute, the value, what is allowed and the fix.
        """
        if (bucket_name is None) is (bucket_arn is None):
            raise ValueError("give either bucket_name or bucket_arn")
        if bucket_arn is not None:
            bucket_name = _parse_bucket_name(scope, bucket_arn)
        if KINDS[0] not in index_names:
            raise ValueError(
                f"index_names is {dict(index_names)!r}; it must name Stache's indexes by their "
                f"kinds, {', '.join(KINDS)}; {KINDS[0]} is required"
            )
        store = cls(
            scope,
            id,
            bucket_name=bucket_name,
            existing_bucket=True,
            dimension=dimension,
            indexes={
                kind: VectorIndexOptions(name=name, existing=True)
                for kind, name in index_names.items()
            },
        )
        store._foreign_arn = bucket_arn
        # The constructor would check the key against the stack's region, not the bucket's
        check_key(store, "encryption_key", encryption_key, region=store._region)
        store.encryption_key = encryption_key
        return store

    @property
    def bucket_arn(self) -> str:
        """The vector bucket's ARN, in the deployment's partition, region and account."""
        return self._foreign_arn or Stack.of(self).format_arn(
            service="s3vectors", resource="bucket", resource_name=self.bucket_name
        )

    @property
    def _region(self) -> str:
        stack = Stack.of(self)
        if self._foreign_arn is None:
            return stack.region
        parts = stack.split_arn(self._foreign_arn, ArnFormat.SLASH_RESOURCE_NAME)
        return str(parts.region)

    @property
    def _via_service(self) -> str:
        """The name of S3 Vectors in `kms:ViaService`."""
        return f"s3vectors.{self._region}.{Stack.of(self).url_suffix}"

    @property
    def index_names(self) -> dict[str, str]:
        """The indexes' names, by kind."""
        return {kind: index.name for kind, index in self._indexes.items()}

    def index_arn(self, kind: str) -> str:
        """Return an index's ARN.

        Raises:
            ValueError: the store has no index of that kind.
        """
        if kind not in self._indexes:
            raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(self._indexes)}")
        return f"{self.bucket_arn}/index/{self._indexes[kind].name}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for a function that runs Stache.

        Raises:
            ValueError: the store has no index for documents.
        """
        if KINDS[0] not in self._indexes:
            raise ValueError(
                f"indexes has the kinds {', '.join(self._indexes)}; Stache needs one that is "
                f"called {KINDS[0]!r}"
            )
        used = {kind: self._indexes[kind] for kind in KINDS if kind in self._indexes}
        bucket = self._foreign_arn or self.bucket_name
        return {
            "VECTORDB_PROVIDER": "s3vectors",
            "S3VECTORS_BUCKET_NAME": bucket,
            "S3VECTORS_BUCKET": bucket,
            "S3VECTORS_REGION": self._region,
            **{index_variable(kind): index.name for kind, index in used.items()},
            "EMBEDDING_DIMENSION": to_string(used[KINDS[0]].dimension),
        }

    def managed_policy(self, level: str) -> iam.ManagedPolicy:
        """Return the managed policy of a level: "read", "read-write" or "manage-indexes".

        The first call creates it. Grants do not use it: they add to the grantee's own policy.

        Raises:
            ValueError: there is no such level.
        """
        _check_level(level)
        id_ = "".join(word.capitalize() for word in level.split("-")) + "Policy"
        existing = self.node.try_find_child(id_)
        if isinstance(existing, iam.ManagedPolicy):
            return existing
        document = self._build_policy(level)
        return iam.ManagedPolicy(
            self,
            id_,
            description=f"{level} on Stache's vectors",
            document=iam.PolicyDocument.from_json(document),
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a grantee to search, and to read all vectors."""
        return self._grant(grantee, READ)

    def grant_read_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a grantee all that Stache does."""
        return self._grant(grantee, READ_WRITE)

    def grant_manage_indexes(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a grantee all that Stache does, and to create and upgrade the indexes."""
        return self._grant(grantee, MANAGE_INDEXES)

    def connect(self, function: lambda_.Function, *, level: str = READ_WRITE) -> iam.Grant:
        """Grant a function a level, and set its environment. The function depends on the store.

        Raises:
            TypeError: the function's environment cannot be set.
            ValueError: there is no such level, or the level cannot be granted.
        """
        if not callable(getattr(function, "add_environment", None)):
            raise TypeError(
                f"connect cannot set the environment of {function.node.path}: it is an imported "
                "function, an alias, a version or a Lambda@Edge function. Connect the function "
                "itself; or grant its role the level with grant_read or grant_read_write, and set "
                "the variables in environment where the function is defined"
            )
        environment = self.environment
        grant = self._grant(function, level)
        for name, value in environment.items():
            function.add_environment(name, value)
        self._add_dependency(function)
        return grant

    def _grant(self, grantee: iam.IGrantable, level: str) -> iam.Grant:
        """Grant all permissions of a level, or raise an error and grant nothing.

        It does not use `key.grant`, which grants the use of every key if the regions differ.
        """
        _check_level(level)
        check_account(grantee, Stack.of(self).account)
        grants = [grant(grantee, statement) for statement in self._build_policy(level)["Statement"]]
        # A function depends on its policies, so it does not run before the store exists
        for attached in list_policies(grantee):
            self._add_dependency(attached)
        return reduce(iam.Grant.combine, grants)

    def _add_dependency(self, construct: IConstruct) -> None:
        """Make a construct depend on the resources that the store creates, if any."""
        if self._resources:
            construct.node.add_dependency(*self._resources)

    def _build_policy(self, level: str) -> dict[str, Any]:
        keys = list(dict.fromkeys(key.key_arn for key in self._list_encryption_keys()))
        names = list(self.index_names.values())
        return build_policy(level, self.bucket_arn, names, keys, via_service=self._via_service)

    def _list_encryption_keys(self) -> list[kms.IKey]:
        """List the bucket's key and the indexes' own keys."""
        keys = [self.encryption_key, *(index.encryption_key for index in self._indexes.values())]
        return [key for key in keys if key is not None]

    def _check_encryption_keys(self, key: kms.IKey | None, *, create: bool) -> None:
        if key is not None and create:
            raise ValueError(
                "encryption_key is given and create_encryption_key is True; leave one of them out"
            )
        check_key(self, "encryption_key", key)
        for kind, index in self._indexes.items():
            check_key(self, f"indexes[{kind!r}].encryption_key", index.encryption_key)

    def _create_index(
        self,
        kind: str,
        index: Index,
        bucket: s3vectors.CfnVectorBucket | None,
        removal_policy: RemovalPolicy,
    ) -> s3vectors.CfnIndex:
        created = s3vectors.CfnIndex(
            self,
            f"{kind}-index",
            index_name=index.name,
            vector_bucket_name=self.bucket_name,
            data_type="float32",
            dimension=index.dimension,
            distance_metric=index.distance_metric,
            metadata_configuration=s3vectors.CfnIndex.MetadataConfigurationProperty(
                non_filterable_metadata_keys=list(index.non_filterable_keys)
            ),
            encryption_configuration=_configure_encryption(index.encryption_key),
        )
        created.apply_removal_policy(removal_policy)
        if bucket is not None:
            # CloudFormation does not derive the dependency from the bucket's name
            created.add_resource_dependency(bucket)
        return created


def _configure_encryption(
    key: kms.IKey | None,
) -> s3vectors.CfnIndex.EncryptionConfigurationProperty | None:
    if key is None:
        return None  # the bucket's key encrypts it
    return s3vectors.CfnIndex.EncryptionConfigurationProperty(
        sse_type="aws:kms", kms_key_arn=key.key_arn
    )


def _add_text_search(index: s3vectors.CfnIndex, language: str | None) -> None:
    """Add text search, for which the CDK has no property.

    CloudFormation's reference documents the configuration of one text search, but not yet the
    property that lists these configurations (2026-11-28): it has the name of the service's API.
    """
    if language is None:
        return
    search = {"MetadataKey": TEXT} | ({} if language == STANDARD else {"Language": language})
    index.add_property_override("MetadataConfiguration.TextSearchConfigurations", [search])
    Validations.of(index).acknowledge(
        Acknowledgment(
            id="CloudFormation-Validate::F3002",
            reason="CloudFormation documents TextSearchConfiguration, but the CDK's copy of the "
            "resource's schema has no TextSearchConfigurations",
        )
    )


def _parse_bucket_name(scope: Construct, bucket_arn: str) -> str:
    """Return the bucket's name from its ARN, which may be a token."""
    if not Token.is_unresolved(bucket_arn) and not BUCKET_ARN.fullmatch(bucket_arn):
        raise ValueError(
            f"bucket_arn is {bucket_arn!r}; it must be "
            "arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME"
        )
    parts = Stack.of(scope).split_arn(bucket_arn, ArnFormat.SLASH_RESOURCE_NAME)
    return str(parts.resource_name)


def _check_level(level: str) -> None:
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; it must be one of {', '.join(LEVELS)}")
