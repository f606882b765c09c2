"""Functions, log groups and tables, as far as the example function needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import schemas
from .clients import Provider, call, call_or_none

State = dict[str, Any]


class LogGroup:
    """aws_cloudwatch_log_group."""

    def __init__(self, provider: Provider) -> None:
        self.client = provider.make_client("logs")

    def create(self, planned: State) -> State:
        """Create the resource."""
        name, tags = planned["name"], planned["tags_all"] or {}
        call("creating log group", self.client.create_log_group, logGroupName=name, tags=tags)
        days = planned["retention_in_days"]
        if days:
            self.client.put_retention_policy(logGroupName=name, retentionInDays=days)
        return {**planned, **self._describe(name), "id": name}

    def read(self, state: State) -> State | None:
        """Return the state, or None if the resource is gone."""
        return state if self._describe(state["id"]) else None

    def _describe(self, name: str) -> State:
        groups = self.client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        arns = [group["arn"] for group in groups if group["logGroupName"] == name]
        return {"arn": arns[0].removesuffix(":*")} if arns else {}

    def delete(self, state: State) -> None:
        """Delete the resource."""
        call("deleting log group", self.client.delete_log_group, logGroupName=state["id"])


class Function:
    """aws_lambda_function."""

    def __init__(self, provider: Provider) -> None:
        self.client = provider.make_client("lambda")

    def create(self, planned: State) -> State:
        """Create the resource."""
        name = planned["function_name"]
        environment = (planned["environment"] or [{"variables": {}}])[0]["variables"]
        created = call(
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
            SnapStart={"ApplyOn": _read_snap_start(planned)},
            Publish=planned["publish"],
        )
        return {**planned, "arn": created["FunctionArn"], "id": name, "version": created["Version"]}

    def read(self, state: State) -> State | None:
        """Return the state, or None if the resource is gone."""
        missing = "ResourceNotFoundException"
        get = self.client.get_function
        return state if call_or_none(self.client, missing, get, FunctionName=state["id"]) else None

    def delete(self, state: State) -> None:
        """Delete the resource."""
        call("deleting Lambda Function", self.client.delete_function, FunctionName=state["id"])


def _read_snap_start(planned: State) -> str:
    return "".join(block["apply_on"] for block in planned["snap_start"]) or "None"


class Alias:
    """aws_lambda_alias."""

    def __init__(self, provider: Provider) -> None:
        self.client = provider.make_client("lambda")

    def create(self, planned: State) -> State:
        """Create the resource."""
        created = call(
            f"creating Lambda Alias ({planned['name']})",
            self.client.create_alias,
            Name=planned["name"],
            FunctionName=planned["function_name"],
            FunctionVersion=planned["function_version"],
        )
        return {**planned, "arn": created["AliasArn"], "id": created["AliasArn"]}

    def read(self, state: State) -> State | None:
        """Return the state, or None if the resource is gone."""
        identifiers = {"FunctionName": state["function_name"], "Name": state["name"]}
        missing = "ResourceNotFoundException"
        alias = call_or_none(self.client, missing, self.client.get_alias, **identifiers)
        return alias and {**state, "function_version": alias["FunctionVersion"]}

    def delete(self, state: State) -> None:
        """Delete the resource."""
        identifiers = {"FunctionName": state["function_name"], "Name": state["name"]}
        call("deleting Lambda Alias", self.client.delete_alias, **identifiers)


class Table:
    """aws_dynamodb_table."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.client = provider.make_client("dynamodb")

    def create(self, planned: State) -> State:
        """Create the resource."""
        name, tags = planned["name"], planned["tags_all"] or {}
        created = call(
            f"creating DynamoDB Table ({name})",
            self.client.create_table,
            TableName=name,
            BillingMode=planned["billing_mode"],
            AttributeDefinitions=[
                {"AttributeName": each["name"], "AttributeType": each["type"]}
                for each in planned["attribute"]
            ],
            KeySchema=_make_keys(planned["hash_key"], planned["range_key"]),
            GlobalSecondaryIndexes=[
                _make_secondary_index(each) for each in planned["global_secondary_index"]
            ],
            DeletionProtectionEnabled=bool(planned["deletion_protection_enabled"]),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["TableDescription"]
        self._set_recovery(name, planned["point_in_time_recovery"])
        return {**planned, "arn": created["TableArn"], "id": name}

    def _set_recovery(self, name: str, blocks: list[State]) -> None:
        specification = {"PointInTimeRecoveryEnabled": any(block["enabled"] for block in blocks)}
        update = self.client.update_continuous_backups
        update(TableName=name, PointInTimeRecoverySpecification=specification)

    def read(self, state: State) -> State | None:
        """Return the current state, or None if the resource is gone."""
        identifiers = {"TableName": state["id"]}
        missing = "ResourceNotFoundException"
        response = call_or_none(self.client, missing, self.client.describe_table, **identifiers)
        if response is None:
            return None
        table = response["Table"]
        backups = self.client.describe_continuous_backups(**identifiers)[
            "ContinuousBackupsDescription"
        ]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        tag_list = self.client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
        tags = {tag["Key"]: tag["Value"] for tag in tag_list}
        recoverable = {"enabled": recovery == "ENABLED"}
        return {
            **state,
            **_describe_table(table),
            "point_in_time_recovery": [{**_make_empty("point_in_time_recovery"), **recoverable}],
            "tags": self.provider.remove_default_tags(tags),
            "tags_all": tags,
        }

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - the same for all types
        """Set deletion protection, the only change in place."""
        protected = bool(planned["deletion_protection_enabled"])
        identifiers = {"TableName": planned["id"], "DeletionProtectionEnabled": protected}
        call("updating DynamoDB Table", self.client.update_table, **identifiers)
        return planned

    def delete(self, state: State) -> None:
        """Delete the resource."""
        call("deleting DynamoDB Table", self.client.delete_table, TableName=state["id"])


def _describe_table(table: State) -> State:
    """Return the attributes of a table under Terraform's names."""
    keys = {each["KeyType"]: each["AttributeName"] for each in table["KeySchema"]}
    return {
        "arn": table["TableArn"],
        "name": table["TableName"],
        "billing_mode": table["BillingModeSummary"]["BillingMode"],
        "deletion_protection_enabled": table["DeletionProtectionEnabled"],
        "hash_key": keys["HASH"],
        "range_key": keys.get("RANGE"),
        "attribute": [
            {"name": each["AttributeName"], "type": each["AttributeType"]}
            for each in table["AttributeDefinitions"]
        ],
        "global_secondary_index": [
            {
                **_make_empty("global_secondary_index"),
                "name": each["IndexName"],
                "projection_type": each["Projection"]["ProjectionType"],
                "key_schema": [
                    {"attribute_name": key["AttributeName"], "key_type": key["KeyType"]}
                    for key in each["KeySchema"]
                ],
            }
            for each in table["GlobalSecondaryIndexes"]
        ],
    }


def _make_empty(block: str) -> State:
    return schemas.make_empty_state("aws_dynamodb_table", block)


def _make_keys(partition: str, sort: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*schema, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else schema


def _make_secondary_index(block: State) -> State:
    keys = [
        {"AttributeName": key["attribute_name"], "KeyType": key["key_type"]}
        for key in block["key_schema"]
    ]
    projection = {"ProjectionType": block["projection_type"]}
    return {"IndexName": block["name"], "KeySchema": keys, "Projection": projection}
