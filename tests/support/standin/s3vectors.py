"""Vector buckets, their policies, and indexes."""

from __future__ import annotations

import json
from typing import Any

from .clients import Provider, call, call_or_none, format_timestamp
from .wire_values import keep_wording

State = dict[str, Any]


class _Tagged:
    """The common part of the types that have tags."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.client = provider.make_client("s3vectors")

    def _describe_tags(self, state: State, arn: str) -> State:
        tags = self.client.list_tags_for_resource(resourceArn=arn)["tags"]
        attributes = {"tags": self.provider.remove_default_tags(tags), "tags_all": tags}
        return {**state, **attributes, "region": state["region"] or self.provider.region}

    def _update_tags(self, arn: str, prior: State, planned: State) -> None:
        old, new = prior["tags_all"] or {}, planned["tags_all"] or {}
        removed = sorted(set(old) - set(new))
        if removed:
            call("untagging", self.client.untag_resource, resourceArn=arn, tagKeys=removed)
        if new:
            call("tagging", self.client.tag_resource, resourceArn=arn, tags=new)


class VectorBucket(_Tagged):
    """aws_s3vectors_vector_bucket."""

    def create(self, planned: State) -> State:
        """Create the resource."""
        name = planned["vector_bucket_name"]
        call(
            f"creating S3 Vectors Vector Bucket ({name})",
            self.client.create_vector_bucket,
            vectorBucketName=name,
            **_read_encryption(planned),
            **_read_tags(planned),
        )
        bucket = self.client.get_vector_bucket(vectorBucketName=name)["vectorBucket"]
        return self._describe(planned, bucket)

    def read(self, state: State) -> State | None:
        """Return the current state, or None if the resource is gone."""
        arn = state["vector_bucket_arn"]
        get = self.client.get_vector_bucket
        response = call_or_none(self.client, "NotFoundException", get, vectorBucketArn=arn)
        if response is None:
            return None
        return self._describe_tags(self._describe(state, response["vectorBucket"]), arn)

    def update(self, prior: State, planned: State) -> State:
        """Change the tags. Any other change forces a replacement."""
        self._update_tags(prior["vector_bucket_arn"], prior, planned)
        return planned

    def delete(self, state: State) -> None:
        """Delete the bucket; with force_destroy, its indexes first."""
        arn = state["vector_bucket_arn"]
        if state["force_destroy"]:
            for index in self.client.list_indexes(vectorBucketArn=arn)["indexes"]:
                self.client.delete_index(indexArn=index["indexArn"])
        summary = f"deleting S3 Vectors Vector Bucket ({arn})"
        call(summary, self.client.delete_vector_bucket, vectorBucketArn=arn)

    @staticmethod
    def _describe(state: State, bucket: State) -> State:
        return {
            **state,
            "vector_bucket_name": bucket["vectorBucketName"],
            "vector_bucket_arn": bucket["vectorBucketArn"],
            "creation_time": format_timestamp(bucket.get("creationTime")),
            "encryption_configuration": _describe_encryption(bucket),
            "force_destroy": bool(state.get("force_destroy")),
        }


class VectorBucketPolicy:
    """aws_s3vectors_vector_bucket_policy."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.client = provider.make_client("s3vectors")

    def create(self, planned: State) -> State:
        """Put the policy. It replaces an existing one."""
        return self._put("creating", planned)

    def _put(self, verb: str, planned: State) -> State:
        arn = planned["vector_bucket_arn"]
        summary = f"{verb} S3 Vectors Vector Bucket Policy ({arn})"
        put = self.client.put_vector_bucket_policy
        call(summary, put, vectorBucketArn=arn, policy=planned["policy"])
        return planned

    def read(self, state: State) -> State | None:
        """Return the current state, or None if the resource is gone."""
        get, arn = self.client.get_vector_bucket_policy, state["vector_bucket_arn"]
        response = call_or_none(self.client, "NotFoundException", get, vectorBucketArn=arn)
        if response is None:
            return None
        policy = keep_wording(json.loads(response["policy"]), state["policy"])
        return {**state, "policy": policy, "region": state["region"] or self.provider.region}

    def update(self, prior: State, planned: State) -> State:  # noqa: ARG002 - the same for all types
        """Put the policy again."""
        return self._put("updating", planned)

    def delete(self, state: State) -> None:
        """Delete the resource."""
        arn = state["vector_bucket_arn"]
        summary = f"deleting S3 Vectors Vector Bucket Policy ({arn})"
        call(summary, self.client.delete_vector_bucket_policy, vectorBucketArn=arn)


class Index(_Tagged):
    """aws_s3vectors_index."""

    def create(self, planned: State) -> State:
        """Create the resource."""
        name, bucket = planned["index_name"], planned["vector_bucket_name"]
        call(
            f"creating S3 Vectors Index ({name})",
            self.client.create_index,
            vectorBucketName=bucket,
            indexName=name,
            dataType=planned["data_type"],
            dimension=int(planned["dimension"]),
            distanceMetric=planned["distance_metric"],
            **_read_metadata(planned),
            **_read_encryption(planned),
            **_read_tags(planned),
        )
        description = self.client.get_index(vectorBucketName=bucket, indexName=name)["index"]
        return self._describe(planned, description)

    def read(self, state: State) -> State | None:
        """Return the current state, or None if the resource is gone."""
        arn = state["index_arn"]
        get = self.client.get_index
        response = call_or_none(self.client, "NotFoundException", get, indexArn=arn)
        if response is None:
            return None
        return self._describe_tags(self._describe(state, response["index"]), arn)

    def update(self, prior: State, planned: State) -> State:
        """Change the tags. Any other change forces a replacement."""
        self._update_tags(prior["index_arn"], prior, planned)
        return planned

    def delete(self, state: State) -> None:
        """Delete the resource."""
        summary = f"deleting S3 Vectors Index ({state['index_arn']})"
        call(summary, self.client.delete_index, indexArn=state["index_arn"])

    @staticmethod
    def _describe(state: State, index: State) -> State:
        keys = index.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys")
        return {
            **state,
            "index_name": index["indexName"],
            "index_arn": index["indexArn"],
            "vector_bucket_name": index["vectorBucketName"],
            "creation_time": format_timestamp(index.get("creationTime")),
            "data_type": index["dataType"],
            "dimension": index["dimension"],
            "distance_metric": index["distanceMetric"],
            "encryption_configuration": _describe_encryption(index),
            "metadata_configuration": [{"non_filterable_metadata_keys": keys}] if keys else [],
        }


def _read_metadata(planned: State) -> State:
    blocks = planned["metadata_configuration"]
    keys = [sorted(block["non_filterable_metadata_keys"]) for block in blocks]
    return {"metadataConfiguration": {"nonFilterableMetadataKeys": keys[0]}} if keys else {}


def _read_encryption(planned: State) -> State:
    blocks = planned["encryption_configuration"]
    if not isinstance(blocks, list) or not blocks:
        return {}
    members = {"sseType": blocks[0]["sse_type"], "kmsKeyArn": blocks[0]["kms_key_arn"]}
    return {"encryptionConfiguration": {name: value for name, value in members.items() if value}}


def _describe_encryption(response: State) -> list[State]:
    configuration = response.get("encryptionConfiguration", {})
    return [
        {
            "sse_type": configuration.get("sseType", "AES256"),
            "kms_key_arn": configuration.get("kmsKeyArn"),
        }
    ]


def _read_tags(planned: State) -> State:
    return {"tags": planned["tags_all"]} if planned["tags_all"] else {}
