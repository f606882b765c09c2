"""AWS::S3Vectors::VectorBucket, ::Index and ::VectorBucketPolicy for moto, made in our engine.

As the registry's schema says: Ref is the ARN, Fn::GetAtt knows the ARN and the time, a name is no
attribute; nothing but tags, text search and a policy changes in place. Each handler makes the
calls that the registry's schema lists for it: making one also reads it, and its tags
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
"""That of the simulated AWS which runs; moto calls classes, which cannot know another."""


@contextmanager
def register_types(engine: Engine) -> Iterator[None]:
    """Inside, CloudFormation makes S3 Vectors' resources in this engine."""
    _engines[:] = [engine]
    for function in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        function.cache_clear()
    try:
        yield
    finally:
        _engines.clear()


def make_client(region: str) -> Any:
    """The deployer's, who may do everything."""
    return connect(boto3.client("s3vectors", region_name=region), _engines[0])


class _Resource:
    """What both types do alike."""

    name_property: ClassVar[str]
    arn_attribute: ClassVar[str]

    def __init__(self, arn: str, properties: Mapping[str, Any]) -> None:
        self.arn = arn
        self.properties = properties

    @classmethod
    def make(cls, vectors: Any, name: str, properties: Mapping[str, Any], **both: Any) -> str:
        """Make one; its ARN. `both` is what both types take."""
        raise NotImplementedError

    @classmethod
    def remove(cls, vectors: Any, arn: str) -> None:
        """Delete it."""
        raise NotImplementedError

    @classmethod
    def select_fixed(cls, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties whose change replaces the resource."""
        return {name: value for name, value in properties.items() if name != "Tags"}

    @classmethod
    def change(
        cls, vectors: Any, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Change in place what can be, beside tags."""

    @property
    def physical_resource_id(self) -> str:
        """What Ref is."""
        return self.arn

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property that names it."""
        return cls.name_property

    @classmethod
    def cloudformation_type(cls) -> str:
        """Its type."""
        return f"AWS::S3Vectors::{cls.__name__}"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether Fn::GetAtt knows it."""
        return attr in {cls.arn_attribute, "CreationTime"}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """What Fn::GetAtt answers."""
        if attribute_name == self.arn_attribute:
            return self.arn
        if attribute_name == "CreationTime":
            return "2026-11-22T00:00:00Z"
        raise UnformattedGetAttTemplateException

    def is_created(self) -> bool:
        """It is, once it is made."""
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
        """Make it, under a name of its own if the template has none."""
        properties = cloudformation_json.get("Properties", {})
        name = properties.get(cls.name_property) or resource_name.lower()[:63]
        tags = {"tags": _read_tags(properties)} if _read_tags(properties) else {}
        both = {**_read_encryption(properties), **tags}
        return cls(cls.make(make_client(region_name), name, properties, **both), properties)

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003 - moto's own
        account_id: str,  # noqa: ARG003 - moto's own
        region_name: str,
    ) -> None:
        """Delete it, by its physical id."""
        cls.remove(make_client(region_name), resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        """Change tags in place, replace it for all else; the one before stays if it is to."""
        after = cloudformation_json["Properties"]
        before = original_resource.properties
        if cls.select_fixed(after) == cls.select_fixed(before):
            _retag(
                make_client(region_name),
                original_resource.arn,
                _read_tags(before),
                _read_tags(after),
            )
            cls.change(make_client(region_name), original_resource.arn, before, after)
            original_resource.properties = after
            return original_resource
        arguments = (new_resource_name, cloudformation_json, account_id, region_name)
        resource = cls.create_from_cloudformation_json(*arguments)
        if cloudformation_json.get("UpdateReplacePolicy") not in RETAINS:
            cls.remove(make_client(region_name), original_resource.arn)
        return resource


class VectorBucket(_Resource, CloudFormationModel):
    """AWS::S3Vectors::VectorBucket."""

    __module__ = "simulated.s3vectors.types"  # moto reads the service out of it
    name_property = "VectorBucketName"
    arn_attribute = "VectorBucketArn"

    @classmethod
    def make(cls, vectors: Any, name: str, properties: Mapping[str, Any], **both: Any) -> str:
        """Make one; its ARN."""
        del properties  # it has no others
        arn: str = vectors.create_vector_bucket(vectorBucketName=name, **both)["vectorBucketArn"]
        vectors.get_vector_bucket(vectorBucketArn=arn)
        vectors.list_tags_for_resource(resourceArn=arn)
        return arn

    @classmethod
    def remove(cls, vectors: Any, arn: str) -> None:
        """Delete it."""
        vectors.delete_vector_bucket(vectorBucketArn=arn)


class Index(_Resource, CloudFormationModel):
    """AWS::S3Vectors::Index."""

    __module__ = "simulated.s3vectors.types"
    name_property = "IndexName"
    arn_attribute = "IndexArn"

    @classmethod
    def make(cls, vectors: Any, name: str, properties: Mapping[str, Any], **both: Any) -> str:
        """Make one; its ARN."""
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
            **both,
        )["indexArn"]
        vectors.get_index(indexArn=arn)
        vectors.list_tags_for_resource(resourceArn=arn)
        return arn

    @classmethod
    def remove(cls, vectors: Any, arn: str) -> None:
        """Delete it."""
        vectors.delete_index(indexArn=arn)

    @classmethod
    def select_fixed(cls, properties: Mapping[str, Any]) -> dict[str, Any]:
        """All but tags and text search."""
        metadata = {**properties.get("MetadataConfiguration", {})}
        metadata.pop("TextSearchConfigurations", None)
        return {**super().select_fixed(properties), "MetadataConfiguration": metadata}

    @classmethod
    def change(
        cls, vectors: Any, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Text search, whose update needs no interruption."""
        had, wants = _read_text_searches(before), _read_text_searches(after)
        if gone := [each for each in had if each not in wants]:
            keys = [{"metadataKey": each["metadataKey"]} for each in gone]
            vectors.update_metadata_configuration(
                indexArn=arn, delete={"textSearchConfigurations": keys}
            )
        if new := [each for each in wants if each not in had]:
            vectors.update_metadata_configuration(
                indexArn=arn, add={"textSearchConfigurations": new}
            )


class VectorBucketPolicy(_Resource, CloudFormationModel):
    """AWS::S3Vectors::VectorBucketPolicy, whose Ref is the bucket's ARN."""

    __module__ = "simulated.s3vectors.types"
    name_property = "VectorBucketArn"
    arn_attribute = "VectorBucketArn"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Fn::GetAtt knows nothing of it."""
        del attr
        return False

    @classmethod
    def make(cls, vectors: Any, name: str, properties: Mapping[str, Any], **both: Any) -> str:
        """Put one on its bucket; the bucket's ARN."""
        del name, both  # it has neither a name of its own, nor tags, nor encryption
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
    def remove(cls, vectors: Any, arn: str) -> None:
        """Delete it."""
        vectors.delete_vector_bucket_policy(vectorBucketArn=arn)

    @classmethod
    def select_fixed(cls, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Which bucket it is on."""
        return {name: value for name, value in properties.items() if name != "Policy"}

    @classmethod
    def change(
        cls, vectors: Any, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """What it says."""
        del before
        vectors.put_vector_bucket_policy(vectorBucketArn=arn, policy=_read_document(after))


def _read_document(properties: Mapping[str, Any]) -> str:
    policy = properties["Policy"]
    return policy if isinstance(policy, str) else json.dumps(policy)


def _read_text_searches(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    """Under the member that the service's own API has.

    CloudFormation's reference has the page of one configuration; the page of the member that
    lists them does not mention it yet (seen 2026-11-28):
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3vectors-index-textsearchconfiguration.html
    """
    searches = properties.get("MetadataConfiguration", {}).get("TextSearchConfigurations", [])
    names = {"MetadataKey": "metadataKey", "Language": "language"}
    return [{names[name]: value for name, value in each.items()} for each in searches]


def _read_tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def _retag(vectors: Any, arn: str, before: dict[str, str], after: dict[str, str]) -> None:
    gone = sorted(before.keys() - after.keys())
    if gone:
        vectors.untag_resource(resourceArn=arn, tagKeys=gone)
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
