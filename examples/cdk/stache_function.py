"""The example function with its tables and its role: what `examples/lambda` needs to run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jsii
from aws_cdk import (
    Acknowledgment,
    AssetHashType,
    BundlingOptions,
    Duration,
    ILocalBundling,
    RemovalPolicy,
    Stack,
    Validations,
)
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

SOURCE: Final = Path(__file__).resolve().parents[1] / "lambda"

CHOICES: Final = {
    "runtime": ("python3.11", "python3.12", "python3.13", "python3.14"),
    "architecture": ("arm64", "x86_64"),
    "embedding_provider": ("bedrock", "word-hashing"),
}
"""The choices for the function: what it can be built for, and the content of its package."""

NO_SNAP_START: Final = ("python3.11",)
"""Runtimes without SnapStart (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html)."""

ALIAS: Final = "live"
"""The name of the alias of the published version."""

_MODEL: Final = re.compile(
    r"(?!(us|us-gov|eu|apac|jp|au|ca|global)[.])(?!arn:)[A-Za-z0-9][A-Za-z0-9.:-]*"
)
"""Bedrock's id of a foundation model; no pattern for several."""

_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
"""A table's name
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html)."""

DOCUMENTS_ACTIONS: Final = (
    "DeleteItem",
    "DescribeTable",
    "GetItem",
    "PutItem",
    "UpdateItem",
)
"""The actions of stache-ai-dynamodb's document index on its table for this function."""

NAMESPACES_ACTIONS: Final = ("DescribeTable",)
"""The same for the namespace registry, which Stache only looks for."""


@jsii.implements(ILocalBundling)
class _Build:
    """Builds the function without Docker, for the runtime and the architecture named."""

    def __init__(self, runtime: str, architecture: str) -> None:
        self._options = [f"--runtime={runtime}", f"--architecture={architecture}"]

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Build into the folder; True, for no Docker."""
        build = [sys.executable, str(SOURCE / "build_package.py"), f"--output={output_dir}"]
        subprocess.run([*build, *self._options], check=True)  # noqa: S603 - ours, of this folder
        return True


class StacheFunction(Construct):
    """Stache as a Lambda function, without its vector store.

    Args:
        scope: where it belongs.
        id: its name there.
        runtime: such as "python3.13".
        architecture: "arm64" or "x86_64".
        embedding_provider: "bedrock", or "word-hashing", which needs no model.
        embedding_model: Bedrock's id of the model.
        table_names: of tables that are there already: documents, namespaces.
        snap_start: start it from a snapshot: publish a version and an alias.
        removal_policy: what happens to the tables when the stack is deleted.

    Attributes:
        function: the function.
        function_name: what to invoke; with SnapStart, the alias.
        tables: documents, namespaces.
    """

    def __init__(  # noqa: PLR0913 - props, in the manner of the CDK
        self,
        scope: Construct,
        id: str,  # noqa: A002 - as every construct calls it
        *,
        runtime: str,
        architecture: str,
        embedding_provider: str,
        embedding_model: str,
        table_names: Sequence[str] = (),
        snap_start: bool = False,
        removal_policy: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id)
        _check("runtime", runtime)
        _check("architecture", architecture)
        _check("embedding_provider", embedding_provider)
        if snap_start and runtime in NO_SNAP_START:
            raise ValueError(
                f"snap_start is true and runtime is {runtime!r}, which has no SnapStart; "
                "it must be python3.12 or newer: choose another runtime, or leave snap_start out"
            )
        if not _MODEL.fullmatch(embedding_model):
            raise ValueError(
                f"embedding_model is {embedding_model!r}; it must be the id of a foundation model, "
                "such as amazon.titan-embed-text-v2:0: letters, digits and . : -, not an ARN and "
                "not an inference profile"
            )
        for name in table_names:
            if not _TABLE.fullmatch(name):
                raise ValueError(
                    f"table_names has {name!r}; it must be the name of a table, 3 to 255 letters, "
                    "digits and _ . -"
                )
        documents, namespaces = self.tables = self._make_tables(table_names, removal_policy)
        role = self._make_role(documents, namespaces)
        environment = {
            "DOCUMENT_INDEX_PROVIDER": "dynamodb",
            "DYNAMODB_DOCUMENTS_TABLE": documents.table_name,
            "NAMESPACE_PROVIDER": "dynamodb",
            "DYNAMODB_NAMESPACE_TABLE": namespaces.table_name,
            "EMBEDDING_PROVIDER": embedding_provider,
            "LLM_PROVIDER": "none",
            "ENABLE_SUMMARY_GENERATION": "false",  # it needs a language model
        }
        if embedding_provider == "bedrock":
            environment["BEDROCK_EMBEDDING_MODEL"] = embedding_model
            self._let_embed(role, embedding_model)
        self.function = self._make_function(
            role, environment, runtime, architecture, snap_start=snap_start
        )
        self.function_name = self.function.function_name
        if snap_start:
            alias = self.function.add_alias(ALIAS)
            self.function_name = f"{self.function_name}:{alias.alias_name}"
        Validations.of(self.function).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-L1",
                reason="The newest runtime is not the one that Stache is tested with; "
                "-c runtime=… chooses another",
            )
        )

    def _make_tables(
        self, names: Sequence[str], removal_policy: RemovalPolicy
    ) -> Sequence[dynamodb.ITable]:
        if names:
            return [dynamodb.Table.from_table_name(self, name, name) for name in names]
        documents = self._make_table("DocumentsTable", "PK", "SK", removal_policy)
        for name in ("GSI1", "GSI2"):
            documents.add_global_secondary_index(
                index_name=name,
                partition_key=_make_key(f"{name}PK"),
                sort_key=_make_key(f"{name}SK"),
            )
        namespaces = self._make_table("NamespacesTable", "id", None, removal_policy)
        namespaces.add_global_secondary_index(
            index_name="parent_id-index",
            partition_key=_make_key("parent_id"),
            sort_key=_make_key("id"),
        )
        return [documents, namespaces]

    def _make_table(
        self, name: str, partition: str, sort: str | None, removal_policy: RemovalPolicy
    ) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            name,
            partition_key=_make_key(partition),
            sort_key=_make_key(sort) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy,
        )

    def _make_role(self, documents: dynamodb.ITable, namespaces: dynamodb.ITable) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        _allow(role, "dynamodb", DOCUMENTS_ACTIONS, documents.table_arn)
        _allow(role, "dynamodb", ("Query",), f"{documents.table_arn}/index/GSI2")
        _allow(role, "dynamodb", NAMESPACES_ACTIONS, namespaces.table_arn)
        return role

    def _let_embed(self, role: iam.Role, model: str) -> None:
        arn = Stack.of(self).format_arn(
            service="bedrock", account="", resource="foundation-model", resource_name=model
        )
        _allow(role, "bedrock", ("InvokeModel",), arn)

    def _make_function(
        self,
        role: iam.Role,
        environment: dict[str, str],
        runtime: str,
        architecture: str,
        *,
        snap_start: bool,
    ) -> lambda_.Function:
        log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        actions = ("CreateLogStream", "PutLogEvents")
        _allow(role, "logs", actions, log_group.log_group_arn)
        python = lambda_.Runtime(
            runtime,
            lambda_.RuntimeFamily.PYTHON,
            supports_snap_start=runtime not in NO_SNAP_START,
        )
        code = lambda_.Code.from_asset(
            str(SOURCE),
            # Of what was built: the provider's wheel is not in the folder
            asset_hash_type=AssetHashType.OUTPUT,
            bundling=BundlingOptions(
                image=python.bundling_image, local=_Build(runtime, architecture)
            ),
        )
        return lambda_.Function(
            self,
            "Function",
            code=code,
            handler="handler.handler",
            runtime=python,
            architecture=lambda_.Architecture.custom(architecture),
            role=role,
            environment=environment,
            memory_size=1024,
            timeout=Duration.minutes(1),
            log_group=log_group,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
        )


def _check(prop: str, value: str) -> None:
    if value not in CHOICES[prop]:
        raise ValueError(f"{prop} is {value!r}; it must be one of {', '.join(CHOICES[prop])}")


def _make_key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _allow(role: iam.Role, service: str, names: Sequence[str], arn: str) -> None:
    actions = [f"{service}:{name}" for name in names]
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[arn]))
