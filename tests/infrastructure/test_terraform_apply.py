"""The life of a store that the Terraform module manages, from creation to destruction."""

from __future__ import annotations

import json

import pytest

from support.deployment import terraform

ACCOUNT = terraform.ACCOUNT
KINDS = ("documents", "summaries", "insights")
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def list_index_names(vectors, bucket):
    """List the names of the bucket's indexes in the engine."""
    indexes = vectors.list_indexes(vectorBucketName=bucket)["indexes"]
    return sorted(index["indexName"] for index in indexes)


def list_buckets(vectors):
    """List the names of the buckets in the engine."""
    return [each["vectorBucketName"] for each in vectors.list_vector_buckets()["vectorBuckets"]]


def list_policies(iam, bucket):
    """List the names of a bucket's policies."""
    listed = iam.list_policies(Scope="Local")["Policies"]
    return [each["PolicyName"] for each in listed if each["PolicyName"].startswith(bucket)]


def test_apply_creates_the_store_and_a_second_plan_is_empty(
    make_store_workspace, create_server_client
):
    """Bucket, indexes and policies are as the outputs say."""
    deployed = make_store_workspace({"prefix": "first"})

    outputs = deployed.apply()

    vectors, iam = create_server_client("s3vectors"), create_server_client("iam")
    assert deployed.list_changes() == {}
    assert list_index_names(vectors, outputs["bucket_name"]) == sorted(
        outputs["index_names"].values()
    )
    for arn in outputs["index_arns"].values():
        index = vectors.get_index(indexArn=arn)["index"]
        assert (index["dimension"], index["distanceMetric"]) == (1024, "cosine")
        keys = index["metadataConfiguration"]["nonFilterableMetadataKeys"]
        assert sorted(keys) == ["_overflow", "text"]
    arns = [outputs["bucket_arn"], *outputs["index_arns"].values()]
    assert all(vectors.list_tags_for_resource(resourceArn=arn)["tags"] == {} for arn in arns)
    for arn in outputs["policy_arns"].values():
        assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == []


def test_the_oldest_core_creates_imports_and_destroys_a_store(
    make_store_workspace, create_server_client
):
    """It refuses to destroy retained data."""
    options = {"core": terraform.OLDEST}
    deployed = make_store_workspace(
        {"prefix": "old", "indexes": {"documents": {}}}, name="first", **options
    )
    outputs = deployed.apply()
    second = make_store_workspace(
        {"prefix": "old", "indexes": {"documents": {}}}, name="again", **options
    )
    index = outputs["index_arns"]["documents"]
    second.check_output("import", "aws_s3vectors_vector_bucket.retained[0]", outputs["bucket_arn"])
    second.check_output("import", 'aws_s3vectors_index.retained["documents"]', index)
    disposable = make_store_workspace(
        {"prefix": "old-gone", "retain_data": False}, name="gone", **options
    )
    disposable.apply()
    disposable.destroy()

    assert deployed.list_changes() == {}
    assert all(actions == ["create"] for actions in second.list_changes().values())
    assert not [name for name in second.list_changes() if name.startswith("aws_s3vectors")]
    refusal = deployed.set_variables({"prefix": "old", "dimension": 8}).read_refusal("plan")
    assert "Instance cannot be destroyed" in refusal
    assert disposable.list_resources() == []
    assert list_index_names(create_server_client("s3vectors"), outputs["bucket_name"]) == [
        "documents-1024"
    ]


def test_a_created_key_may_only_be_used_for_this_bucket(make_store_workspace, create_server_client):
    """It rotates, and the policies allow its use."""
    outputs = make_store_workspace({"prefix": "keyed", "create_kms_key": True}).apply()

    kms, key = create_server_client("kms"), outputs["kms_key_arn"]
    bucket = create_server_client("s3vectors").get_vector_bucket(
        vectorBucketName=outputs["bucket_name"]
    )
    assert bucket["vectorBucket"]["encryptionConfiguration"]["kmsKeyArn"] == key
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert kms.list_resource_tags(KeyId=key)["Tags"] == []
    document = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert document["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": [outputs["bucket_arn"], f"{outputs['bucket_arn']}/*"]},
            },
        },
    ]
    read = create_server_client("iam").get_policy_version(
        PolicyArn=outputs["policy_arns"]["read"], VersionId="v1"
    )
    statements = read["PolicyVersion"]["Document"]["Statement"]
    assert statements[-1] == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [key],
        "Condition": {"StringEquals": {"kms:ViaService": "s3vectors.us-east-1.amazonaws.com"}},
    }


def test_text_search_that_is_added_later_does_not_replace_an_index(
    make_store_workspace, create_server_client
):
    """`stache-s3vectors indexes upgrade` adds it."""
    deployed = make_store_workspace({"prefix": "texts"})
    arn = deployed.apply()["index_arns"]["documents"]

    vectors = create_server_client("s3vectors")
    vectors.update_index_mode(indexArn=arn, indexMode="ENHANCED")
    added = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    vectors.update_metadata_configuration(indexArn=arn, add=added)

    assert deployed.list_changes() == {}


def test_changed_non_filterable_keys_cause_only_a_warning(make_store_workspace):
    """They are fixed at creation. The warning names both lists and the fix."""
    deployed = make_store_workspace({"prefix": "others", "indexes": {"documents": {}}})
    deployed.apply()

    more = {"documents": {"non_filterable_metadata_keys": ["raw"]}}
    deployed.set_variables({"prefix": "others", "indexes": more})

    assert deployed.list_changes() == {}
    [warning] = deployed.read_warnings()
    assert "documents-1024 has _overflow, text, and its entry has _overflow, raw, text" in warning
    assert "To keep an index as it is, list its keys in its entry" in warning
    assert 'as in the README under "One index"' in warning


def test_a_plan_that_would_destroy_vectors_is_refused(make_store_workspace, create_server_client):
    """`destroy`, another dimension and another key make such plans."""
    deployed = make_store_workspace({"prefix": "kept"})
    bucket = deployed.apply()["bucket_name"]

    everything = deployed.read_refusal("plan", "-destroy")
    dimension = deployed.set_variables({"prefix": "kept", "dimension": 3072}).read_refusal("plan")
    key = deployed.set_variables({"prefix": "kept", "create_kms_key": True}).read_refusal("plan")

    for message in (everything, dimension, key):
        assert "Instance cannot be destroyed" in message
    assert 'aws_s3vectors_index.retained["documents"]' in dimension
    assert "aws_s3vectors_vector_bucket.retained[0]" in key
    assert len(list_index_names(create_server_client("s3vectors"), bucket)) == len(KINDS)


def test_with_retain_data_false_a_new_dimension_replaces_the_indexes(
    make_store_workspace, create_server_client
):
    """Then `destroy` leaves nothing, not even an index that another tool created."""
    deployed = make_store_workspace({"prefix": "gone", "retain_data": False})
    bucket = deployed.apply()["bucket_name"]
    vectors = create_server_client("s3vectors")

    deployed.set_variables({"prefix": "gone", "retain_data": False, "dimension": 8})
    replaced = deployed.list_changes()
    deployed.apply()

    kinds = {f'aws_s3vectors_index.disposable["{kind}"]' for kind in KINDS}
    assert {name for name, actions in replaced.items() if "delete" in actions} == kinds
    assert list_index_names(vectors, bucket) == ["documents-8", "insights-8", "summaries-8"]
    vectors.create_index(
        vectorBucketName=bucket,
        indexName="another",
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
    )
    deployed.destroy()
    assert deployed.list_resources() == []
    assert bucket not in list_buckets(vectors)
    assert list_policies(create_server_client("iam"), bucket) == []


def test_replacing_a_bucket_replaces_its_indexes(make_store_workspace):
    """Adding a key replaces the bucket, because a bucket's key is set at creation."""
    deployed = make_store_workspace({"prefix": "moved", "retain_data": False})
    deployed.apply()

    deployed.set_variables({"prefix": "moved", "retain_data": False, "create_kms_key": True})
    deployed.apply()

    assert deployed.list_changes() == {}


def test_new_tags_update_resources_in_place(make_store_workspace):
    """This holds with and without `retain_data`."""
    for retain in (True, False):
        variables = {"prefix": f"tags-{retain}".lower(), "retain_data": retain}
        deployed = make_store_workspace(variables, name=str(retain))
        deployed.apply()

        changes = deployed.set_variables({**variables, "tags": {"Team": "search"}}).list_changes()
        deployed.apply()

        assert {action for actions in changes.values() for action in actions} == {"update"}
        assert deployed.list_changes() == {}


@pytest.mark.parametrize("key", ["application", "Application"])
def test_default_tags_are_added_to_all_resources(make_store_workspace, create_server_client, key):
    """Letter case does not matter. A second apply changes nothing."""
    variables = {"prefix": f"org-{'u' if key[0].isupper() else 'l'}", "create_kms_key": True}
    deployed = make_store_workspace(variables, default_tags={key: "search", "Team": "x"})

    outputs = deployed.apply()
    deployed.apply()

    tags = {key: "search", "Team": "x"}
    vectors, iam, kms = (
        create_server_client("s3vectors"),
        create_server_client("iam"),
        create_server_client("kms"),
    )
    for arn in [outputs["bucket_arn"], *outputs["index_arns"].values()]:
        assert vectors.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    for arn in outputs["policy_arns"].values():
        listed = iam.list_policy_tags(PolicyArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in listed} == tags
    listed = kms.list_resource_tags(KeyId=outputs["kms_key_arn"])["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in listed} == tags
    assert deployed.list_changes() == {}


def test_tags_that_iam_would_refuse_are_refused_before_creation(
    make_store_workspace, create_server_client
):
    """A tag key of the provider and one of the module differ in letter case only."""
    tags = {"prefix": "twice", "tags": {"Application": "stache"}}
    deployed = make_store_workspace(tags, default_tags={"application": "search"})

    message = deployed.read_refusal("apply", "-auto-approve")

    assert "the tags are Application, application: tag keys must differ" in message
    assert "Write each key in one way" in message
    assert f"twice-vectors-{ACCOUNT}" not in list_buckets(create_server_client("s3vectors"))


def test_access_for_other_accounts_is_granted_and_revoked(
    make_store_workspace, create_server_client
):
    """The bucket policy grants it, even after the bucket is replaced."""
    reader = {"readers": ["arn:aws:iam::111122223333:role/search"]}
    variables = {"prefix": "open", "retain_data": False}
    deployed = make_store_workspace({**variables, **reader})
    bucket = {"vectorBucketName": deployed.apply()["bucket_name"]}
    vectors = create_server_client("s3vectors")
    first = json.loads(vectors.get_vector_bucket_policy(**bucket)["policy"])

    assert deployed.list_changes() == {}
    deployed.set_variables({**variables, **reader, "create_kms_key": True}).apply()
    replaced = json.loads(vectors.get_vector_bucket_policy(**bucket)["policy"])
    assert deployed.list_changes() == {}
    deployed.set_variables({**variables, "create_kms_key": True}).apply()

    assert [each["Sid"] for each in first["Statement"]] == ["Readers"]
    assert first["Statement"][0]["Principal"] == {"AWS": reader["readers"]}
    assert replaced == first
    with pytest.raises(vectors.exceptions.NotFoundException):
        vectors.get_vector_bucket_policy(**bucket)


def test_destroying_a_store_keeps_an_existing_bucket(make_store_workspace, create_server_client):
    """Only the module's indexes are destroyed."""
    vectors = create_server_client("s3vectors")
    vectors.create_vector_bucket(vectorBucketName="not-ours")
    variables = {"bucket_name": "not-ours", "existing_bucket": True, "retain_data": False}
    deployed = make_store_workspace(variables)

    deployed.apply()
    index_names = list_index_names(vectors, "not-ours")
    deployed.destroy()

    assert len(index_names) == len(KINDS)
    assert list_index_names(vectors, "not-ours") == []


def test_an_index_whose_key_is_not_configured_is_an_error(make_store_workspace):
    """No policy would allow its use. Setting kms_key_arn fixes it."""
    outputs = make_store_workspace(
        {"prefix": "secret", "create_kms_key": True}, name="earlier"
    ).apply()
    variables = {
        "bucket_name": outputs["bucket_name"],
        "existing_bucket": True,
        "indexes": {"more": {}},
    }
    later = make_store_workspace(variables)

    message = later.read_refusal("apply", "-auto-approve")
    later.set_variables({**variables, "kms_key_arn": outputs["kms_key_arn"]})

    assert "an index is encrypted with a customer key that is not configured" in message
    assert not [name for name in later.list_changes() if name.startswith("aws_s3vectors")]


def test_the_complete_example_is_created_and_destroyed(
    make_store_workspace, create_server_client, tmp_path
):
    """It has a function with role, logs and tables, and a customer key."""
    code = tmp_path / "function.zip"
    code.write_bytes(b"PK\5\6" + bytes(18))  # a zip without files
    variables = {"function_zip": str(code), "prefix": "example", "level": "read"}
    variables["retain_data"] = False
    deployed = make_store_workspace(variables, "examples/complete")

    outputs = deployed.apply()

    assert deployed.list_changes() == {}
    function = create_server_client("lambda").get_function(FunctionName=outputs["function_name"])[
        "Configuration"
    ]
    assert (function["Handler"], function["Runtime"]) == ("handler.handler", "python3.13")
    role = function["Role"].rpartition("/")[2]
    attached = create_server_client("iam").list_attached_role_policies(RoleName=role)[
        "AttachedPolicies"
    ]
    assert [each["PolicyName"].rpartition("us-east-1-")[2] for each in attached] == ["read"]
    environment = function["Environment"]["Variables"]
    assert environment["S3VECTORS_BUCKET_NAME"] == outputs["bucket_name"]
    assert environment["DYNAMODB_DOCUMENTS_TABLE"] == outputs["table_names"]["documents"]
    deployed.destroy()
    assert deployed.list_resources() == []
    assert outputs["bucket_name"] not in list_buckets(create_server_client("s3vectors"))


def test_the_example_s_role_gets_a_boundary_and_loses_it(
    make_store_workspace, create_server_client, tmp_path
):
    """Both change the role in place."""
    code = tmp_path / "function.zip"
    code.write_bytes(b"PK\5\6" + bytes(18))  # a zip without files
    variables = {"function_zip": str(code), "prefix": "bounded", "retain_data": False}
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/developers"
    deployed, iam = (
        make_store_workspace(variables, "examples/complete"),
        create_server_client("iam"),
    )
    iam.create_policy(PolicyName="developers", PolicyDocument=EVERYTHING)
    deployed.apply()

    changes = deployed.set_variables({**variables, "permissions_boundary": boundary}).list_changes()
    deployed.apply()
    bounded = iam.get_role(RoleName="bounded-function-us-east-1")["Role"]
    remaining_changes = deployed.list_changes()
    deployed.set_variables(variables).apply()
    unbounded = iam.get_role(RoleName="bounded-function-us-east-1")["Role"]

    assert changes == {"aws_iam_role.this": ["update"]}
    assert bounded["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    assert remaining_changes == {}
    assert "PermissionsBoundary" not in unbounded
