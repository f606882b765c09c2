"""AWS::S3Vectors::VectorBucket, ::Index and ::VectorBucketPolicy for moto, backed by our engine.

They follow the registry's schema. Ref is the ARN. Fn::GetAtt returns the ARN and the creation time,
but not the name. Only tags, text search and a policy change in place. Each handler makes the calls
that the schema lists for it: after a create, it also reads the resource and its tags
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_S3Vectors.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import boto3
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel

from s3vectors_local import Engine, connect

RETAINS: Final = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})

_engines: list[Engine] = []
"""The engine of the running simulated AWS. moto calls class methods, which get no engine."""


@contextmanager
def register_types(engine: Engine) -> Iterator[None]:
    """Let CloudFormation create S3 Vectors' resources in this engine, inside the context."""
    _engines[:] = [engine]
    for function in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        function.cache_clear()
    try:
        yield
    finally:
        _engines.clear()


def make_client(region: str) -> Any:
    """Make a client that acts for CloudFormation."""
    return connect(boto3.client("s3vectors", region_name=region), _engines[0])


class _Resource:
    """The common part of the resource types."""

    name_property: ClassVar[str]
    arn_attribute: ClassVar[str]

    def __init__(self, arn: str, properties: Mapping[str, Any]) -> None:
        self.arn = arn
        self.properties = properties

    @classmethod
    def create(cls, vectors: Any, name: str, properties: Mapping[str, Any], **common: Any) -> str:
        """Create the resource, and return its ARN. `common` has encryption and tags."""
        raise NotImplementedError

    @classmethod
    def delete(cls, vectors: Any, arn: str) -> None:
        """Delete the resource."""
        raise NotImplementedError

    @classmethod
    def select_create_only(cls, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties whose change replaces the resource."""
        return {name: value for name, value in properties.items() if name != "Tags"}

    @classmethod
    def update(
        cls, vectors: Any, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Change the other properties in place. Tags are changed already."""

    @property
    def physical_resource_id(self) -> str:
        """The value of Ref."""
        return self.arn

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Return the property that has the resource's name."""
        return cls.name_property

    @classmethod
    def cloudformation_type(cls) -> str:
        """Return the resource type."""
        return f"AWS::S3Vectors::{cls.__name__}"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether Fn::GetAtt supports the attribute."""
        return attr in {cls.arn_attribute, "CreationTime"}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the value of Fn::GetAtt."""
        if attribute_name == self.arn_attribute:
            return self.arn
        if attribute_name == "CreationTime":
            return "2026-11-22T00:00:00Z"
        raise UnformattedGetAttTemplateException

    def is_created(self) -> bool:
        """Whether the resource exists. It does as soon as this object does."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,  # noqa: ARG003 - moto's own
        region_name: str,
        **_: Any,
    ) -> Any:
        """Create the resource, under a generated name if the template has none."""
        properties = cloudformation_json.get("Properties", {})
        name = properties.get(cls.name_property) or resource_name.lower()[:63]
        tags = {"tags": _read_tags(properties)} if _read_tags(properties) else {}
        common = {**_read_encryption(properties), **tags}
        return cls(cls.create(make_client(region_name), name, properties, **common), properties)

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003 - moto's own
        account_id: str,  # noqa: ARG003 - moto's own
        region_name: str,
    ) -> None:
        """Delete the resource by its physical id."""
        cls.delete(make_client(region_name), resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        """Update the resource in place, or replace it. UpdateReplacePolicy may retain the old."""
        after = cloudformation_json["Properties"]
        before = original_resource.properties
        if cls.select_create_only(after) == cls.select_create_only(before):
            _update_tags(
                make_client(region_name),
                original_resource.arn,
                _read_tags(before),
                _read_tags(after),
            )
            cls.update(make_client(region_name), original_resource.arn, before, after)
            original_resource.properties = after
            return original_resource
        arguments = (new_resource_name, cloudformation_json, account_id, region_name)
        resource = cls.create_from_cloudformation_json(*arguments)
        if cloudformation_json.get("UpdateReplacePolicy") not in RETAINS:
            cls.delete(make_client(region_name), original_resource.arn)
        return resource


class VectorBucket(_Resource, CloudFormationModel):
    """AWS::S3Vectors::VectorBucket."""

    __module__ = "simulated.s3vectors.types"  # moto takes the service's name from it
    name_property = "VectorBucketName"
    arn_attribute = "VectorBucketArn"

    @classmethod
    def create(cls, vectors: Any, name: str, properties: Mapping[str, Any], **common: Any) -> str:
        """Create the resource, and return its ARN."""
        del properties  # a bucket has no other properties
        arn: str = vectors.create_vector_bucket(vectorBucketName=name, **common)["vectorBucketArn"]
        vectors.get_vector_bucket(vectorBucketArn=arn)
        vectors.list_tags_for_resource(resourceArn=arn)
        return arn

    @classmethod
    def delete(cls, vectors: Any, arn: str) -> None:
        """Delete the resource."""
        vectors.delete_vector_bucket(vectorBucketArn=arn)


class Index(_Resource, CloudFormationModel):
    """AWS::S3Vectors::Index."""

    __module__ = "simulated.s3vectors.types"
    name_property = "IndexName"
    arn_attribute = "IndexArn"

    @classmethod
    def create(cls, vectors: Any, name: str, properties: Mapping[str, Any], **common: Any) -> str:
        """Create the resource, and return its ARN."""
        bucket = {
            member[0].lower() + member[1:]: properties[member]
            for member in ("VectorBucketName", "VectorBucketArn")
            if member in properties
        }
        metadata = properties.get("MetadataConfiguration", {})
        keys = metadata.get("NonFilterableMetadataKeys")
        searches = _read_text_searches(properties)
        configuration = {
            **({"nonFilterableMetadataKeys": keys} if keys else {}),
            **({"textSearchConfigurations": searches} if searches else {}),
        }
        arn: str = vectors.create_index(
            **bucket,
            indexName=name,
            dataType=properties["DataType"],
            dimension=int(properties["Dimension"]),
            distanceMetric=properties["DistanceMetric"],
            **({"metadataConfiguration": configuration} if configuration else {}),
            **common,
        )["indexArn"]
        vectors.get_index(indexArn=arn)
        vectors.list_tags_for_resource(resourceArn=arn)
        return arn

    @classmethod
    def delete(cls, vectors: Any, arn: str) -> None:
        """Delete the resource."""
        vectors.delete_index(indexArn=arn)

    @classmethod
    def select_create_only(cls, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return all properties but tags and text search."""
        metadata = {**properties.get("MetadataConfiguration", {})}
        metadata.pop("TextSearchConfigurations", None)
        return {**super().select_create_only(properties), "MetadataConfiguration": metadata}

    @classmethod
    def update(
        cls, vectors: Any, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Change text search, which CloudFormation updates without interruption."""
        old, new = _read_text_searches(before), _read_text_searches(after)
        if removed := [each for each in old if each not in new]:
            keys = [{"metadataKey": each["metadataKey"]} for each in removed]
            vectors.update_metadata_configuration(
                indexArn=arn, delete={"textSearchConfigurations": keys}
            )
        if added := [each for each in new if each not in old]:
            vectors.update_metadata_configuration(
                indexArn=arn, add={"textSearchConfigurations": added}
            )


class VectorBucketPolicy(_Resource, CloudFormationModel):
    """AWS::S3Vectors::VectorBucketPolicy. Its Ref is the bucket's ARN."""

    __module__ = "simulated.s3vectors.types"
    name_property = "VectorBucketArn"
    arn_attribute = "VectorBucketArn"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether Fn::GetAtt supports the attribute. A policy has none."""
        del attr
        return False

    @classmethod
    def create(cls, vectors: Any, name: str, properties: Mapping[str, Any], **common: Any) -> str:
        """Put the policy on its bucket, and return the bucket's ARN."""
        del name, common  # a policy has no name, tags or encryption
        arn = properties.get("VectorBucketArn")
        bucket = {"vectorBucketArn": arn or ""}
        if arn is None:
            bucket = {"vectorBucketName": properties["VectorBucketName"]}
        bucket_arn: str = vectors.get_vector_bucket(**bucket)["vectorBucket"]["vectorBucketArn"]
        vectors.put_vector_bucket_policy(
            vectorBucketArn=bucket_arn, policy=_read_document(properties)
        )
        vectors.get_vector_bucket_policy(vectorBucketArn=bucket_arn)
        return bucket_arn

    @classmethod
    def delete(cls, vectors: Any, arn: str) -> None:
        """Delete the resource."""
        vectors.delete_vector_bucket_policy(vectorBucketArn=arn)

    @classmethod
    def select_create_only(cls, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties that identify the bucket."""
        return {name: value for name, value in properties.items() if name != "Policy"}

    @classmethod
    def update(
        cls, vectors: Any, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Replace the policy document."""
        del before
        vectors.put_vector_bucket_policy(vectorBucketArn=arn, policy=_read_document(after))


def _read_document(properties: Mapping[str, Any]) -> str:
    policy = properties["Policy"]
    return policy if isinstance(policy, str) else json.dumps(policy)


def _read_text_searches(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    """Read the text searches of an index.

    TextSearchConfigurations is the member's name in the service's API. CloudFormation's reference
    documents one configuration, but not yet the member that lists them (seen 2026-11-28):
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3vectors-index-textsearchconfiguration.html
    """
    searches = properties.get("MetadataConfiguration", {}).get("TextSearchConfigurations", [])
    names = {"MetadataKey": "metadataKey", "Language": "language"}
    return [{names[name]: value for name, value in each.items()} for each in searches]


def _read_tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def _update_tags(vectors: Any, arn: str, before: dict[str, str], after: dict[str, str]) -> None:
    removed = sorted(before.keys() - after.keys())
    if removed:
        vectors.untag_resource(resourceArn=arn, tagKeys=removed)
    if after:
        vectors.tag_resource(resourceArn=arn, tags=after)


def _read_encryption(properties: Mapping[str, Any]) -> dict[str, Any]:
    configuration = properties.get("EncryptionConfiguration")
    if not configuration:
        return {}
    names = {"SseType": "sseType", "KmsKeyArn": "kmsKeyArn"}
    return {
        "encryptionConfiguration": {names[name]: value for name, value in configuration.items()}
    }
