"""Functions, their logs and tables: what the example function needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .far_end import Provider, call, or_none

State = dict[str, Any]


class LogGroup:
    """aws_cloudwatch_log_group."""

    def __init__(self, provider: Provider) -> None:
        self.client = provider.client("logs")

    def create(self, planned: State) -> State:
        """Make it."""
        name, tags = planned["name"], planned["tags_all"] or {}
        call("creating log group", self.client.create_log_group, logGroupName=name, tags=tags)
        days = planned["retention_in_days"]
        if days:
            self.client.put_retention_policy(logGroupName=name, retentionInDays=days)
        return {**planned, **self._told(name), "id": name}

    def read(self, state: State) -> State | None:
        """The state, if it is still there."""
        return state if self._told(state["id"]) else None

    def _told(self, name: str) -> State:
        groups = self.client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        arns = [group["arn"] for group in groups if group["logGroupName"] == name]
        return {"arn": arns[0].removesuffix(":*")} if arns else {}

    def delete(self, state: State) -> None:
        """Delete it."""
        call("deleting log group", self.client.delete_log_group, logGroupName=state["id"])


class Function:
    """aws_lambda_function."""

    def __init__(self, provider: Provider) -> None:
        self.client = provider.client("lambda")

    def create(self, planned: State) -> State:
        """Make it."""
        name = planned["function_name"]
        environment = (planned["environment"] or [{"variables": {}}])[0]["variables"]
        made = call(
            f"creating Lambda Function ({name})",
            self.client.create_function,
            FunctionName=name,
            Role=planned["role"],
            Runtime=planned["runtime"],
            Handler=planned["handler"],
            Architectures=planned["architectures"],
            Timeout=planned["timeout"],
            MemorySize=planned["memory_size"],
            Environment={"Variables": environment},
            Code={"ZipFile": Path(planned["filename"]).read_bytes()},
            Tags=planned["tags_all"] or {},
        )
        return {**planned, "arn": made["FunctionArn"], "id": name, "version": made["Version"]}

    def read(self, state: State) -> State | None:
        """The state, if it is still there."""
        missing = "ResourceNotFoundException"
        get = self.client.get_function
        return state if or_none(self.client, missing, get, FunctionName=state["id"]) else None

    def delete(self, state: State) -> None:
        """Delete it."""
        call("deleting Lambda Function", self.client.delete_function, FunctionName=state["id"])


class Table:
    """aws_dynamodb_table."""

    def __init__(self, provider: Provider) -> None:
        self.client = provider.client("dynamodb")

    def create(self, planned: State) -> State:
        """Make it."""
        name, tags = planned["name"], planned["tags_all"] or {}
        made = call(
            f"creating DynamoDB Table ({name})",
            self.client.create_table,
            TableName=name,
            BillingMode=planned["billing_mode"],
            AttributeDefinitions=[
                {"AttributeName": each["name"], "AttributeType": each["type"]}
                for each in planned["attribute"]
            ],
            KeySchema=_keys(planned["hash_key"], planned["range_key"]),
            GlobalSecondaryIndexes=[_index(each) for each in planned["global_secondary_index"]],
            DeletionProtectionEnabled=bool(planned["deletion_protection_enabled"]),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["TableDescription"]
        self._recoverable(name, planned["point_in_time_recovery"])
        return {**planned, "arn": made["TableArn"], "id": name}

    def _recoverable(self, name: str, blocks: list[State]) -> None:
        wanted = {"PointInTimeRecoveryEnabled": any(block["enabled"] for block in blocks)}
        update = self.client.update_continuous_backups
        update(TableName=name, PointInTimeRecoverySpecification=wanted)

    def read(self, state: State) -> State | None:
        """The state, if it is still there."""
        missing = "ResourceNotFoundException"
        describe = self.client.describe_table
        return state if or_none(self.client, missing, describe, TableName=state["id"]) else None

    def delete(self, state: State) -> None:
        """Delete it."""
        call("deleting DynamoDB Table", self.client.delete_table, TableName=state["id"])


def _keys(partition: str, sort: str | None) -> list[dict[str, str]]:
    made = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*made, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else made


def _index(block: State) -> State:
    keys = [
        {"AttributeName": key["attribute_name"], "KeyType": key["key_type"]}
        for key in block["key_schema"]
    ]
    projection = {"ProjectionType": block["projection_type"]}
    return {"IndexName": block["name"], "KeySchema": keys, "Projection": projection}
