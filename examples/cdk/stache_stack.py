"""One stack: the vector store, and the example function that uses it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct, Node

from stache_ai_s3vectors.service.metadata_keys import KINDS
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from stache_function import StacheFunction


@dataclass(frozen=True)
class Options:
    """The options that `cdk deploy -c NAME=VALUE` accepts.

    Args:
        stack_name: the stack's name.
        prefix: the bucket's name is PREFIX-vectors-ACCOUNT.
        bucket_name: replaces that name.
        dimension: number of dimensions of the embeddings.
        distance_metric: cosine or euclidean.
        encryption_key_arn: ARN of a customer key whose policy lets S3 Vectors use it.
        create_encryption_key: true to create a customer key.
        readers: ARNs of principals of other accounts that may search, and read all vectors;
            comma-separated.
        writers: ARNs of principals of other accounts that may do all that Stache does;
            comma-separated.
        text_search: standard or a language, for hybrid search.
        existing: true to use existing indexes in an existing bucket.
        retain: false to delete the data with the stack.
        deploy_function: false for the store alone.
        level: the function's permissions: read, read-write or manage-indexes.
        runtime: Python runtime of the function.
        architecture: arm64 or x86_64.
        snap_start: true to start the function from a snapshot (SnapStart).
        embedding_provider: bedrock, or word-hashing, which needs no model.
        embedding_model: Bedrock's id of the model.
        documents_table: an existing table; requires namespaces_table.
        namespaces_table: an existing table; requires documents_table.
    """

    stack_name: str = "Stache"
    prefix: str = "stache"
    bucket_name: str = ""
    dimension: int = 1024
    distance_metric: str = "cosine"
    encryption_key_arn: str = ""
    create_encryption_key: bool = False
    readers: str = ""
    writers: str = ""
    text_search: str = ""
    existing: bool = False
    retain: bool = True
    deploy_function: bool = True
    level: str = "read-write"
    runtime: str = "python3.13"
    architecture: str = "arm64"
    snap_start: bool = False
    embedding_provider: str = "bedrock"
    embedding_model: str = "amazon.titan-embed-text-v2:0"
    documents_table: str = ""
    namespaces_table: str = ""

    @classmethod
    def from_context(cls, node: Node) -> Options:
        """Those of the command line and of cdk.json.

        Raises:
            ValueError: names the option, its value and what is allowed.
        """
        values = {option.name: node.try_get_context(option.name) for option in fields(cls)}
        return cls(**{name: _read(name, v) for name, v in values.items() if v is not None})


def _read(name: str, value: Any) -> Any:
    """A value of the context, which the command line makes a string."""
    kind = type(getattr(Options, name))
    if kind is bool and str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    if kind is int and str(value).isdecimal():
        return int(value)
    if kind is str and isinstance(value, str):
        return value
    expected = {bool: "true or false", int: "a whole number", str: "a string"}[kind]
    raise ValueError(f"context {name} is {value!r}; it must be {expected}: -c {name}=…")


def _split_list(listed: str) -> list[str]:
    return [part for part in listed.split(",") if part]


class StacheStack(Stack):
    """Stache's vectors and the function that ingests into them and searches them."""

    def __init__(self, scope: Construct, id: str, options: Options, **props: Any) -> None:  # noqa: A002 - as every construct calls it
        super().__init__(scope, id, stack_name=options.stack_name, **props)
        # A failed first deployment must leave nothing behind: it would block the next one
        retain = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        removal_policy = retain if options.retain else RemovalPolicy.DESTROY
        arn = options.encryption_key_arn
        store = StacheVectorStore(
            self,
            "Vectors",
            prefix=options.prefix,
            bucket_name=options.bucket_name or None,
            existing_bucket=options.existing,
            dimension=options.dimension,
            distance_metric=options.distance_metric,
            indexes=dict.fromkeys(KINDS, VectorIndexOptions(existing=options.existing)),
            encryption_key=kms.Key.from_key_arn(self, "Key", arn) if arn else None,
            create_encryption_key=options.create_encryption_key,
            readers=_split_list(options.readers),
            writers=_split_list(options.writers),
            text_search=options.text_search or None,
            removal_policy=removal_policy,
        )
        self._create_outputs(store)
        if options.deploy_function:
            self._create_function(store, options, removal_policy)

    def _create_function(
        self, store: StacheVectorStore, options: Options, removal_policy: RemovalPolicy
    ) -> None:
        tables = [name for name in (options.documents_table, options.namespaces_table) if name]
        if len(set(tables)) == 1:
            raise ValueError(
                "documents_table and namespaces_table are two tables; name both, or none"
            )
        stache = StacheFunction(
            self,
            "Stache",
            runtime=options.runtime,
            architecture=options.architecture,
            embedding_provider=options.embedding_provider,
            embedding_model=options.embedding_model,
            table_names=tables,
            snap_start=options.snap_start,
            removal_policy=removal_policy,
        )
        store.connect(stache.function, level=options.level)
        CfnOutput(self, "FunctionName", value=stache.function_name)
        for name, table in zip(("Documents", "Namespaces"), stache.tables, strict=True):
            CfnOutput(self, f"{name}TableName", value=table.table_name)

    def _create_outputs(self, store: StacheVectorStore) -> None:
        """Output what other stacks and people need."""
        outputs = {
            "BucketName": store.bucket_name,
            "BucketArn": store.bucket_arn,
            "Environment": self.to_json_string(store.environment),
        }
        for kind, name in store.index_names.items():
            outputs[f"{kind.title()}IndexName"] = name
            outputs[f"{kind.title()}IndexArn"] = store.index_arn(kind)
        for level in LEVELS:
            policy = store.managed_policy(level)
            outputs[f"{policy.node.id}Arn"] = policy.managed_policy_arn
        if store.encryption_key is not None:
            outputs["KeyArn"] = store.encryption_key.key_arn
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
