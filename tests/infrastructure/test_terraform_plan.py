"""The resources and outputs that the Terraform module plans."""

from __future__ import annotations

import json

import pytest

from stache_ai_s3vectors.service.arns import format_via_service
from stache_ai_s3vectors.service.metadata_keys import FILTERED
from stache_ai_s3vectors.service.permissions import (
    LEVELS,
    build_bucket_policy,
    build_key_statement,
    build_policy,
)
from support.deployment import terraform

ACCOUNT = terraform.ACCOUNT
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/mine"
READER = "arn:aws:iam::111122223333:role/team/search"
WRITER = "arn:aws:iam::444455556666:root"
OWN_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/of-the-insights"
REGIONS = (
    ("us-east-1", "aws"),
    ("eu-central-1", "aws"),
    ("cn-north-1", "aws-cn"),
    ("us-gov-west-1", "aws-us-gov"),
)
NAMES = ["documents-1024", "insights-1024", "summaries-1024"]


def read_resources(plan):
    """Return the planned values of the resources, by address."""
    resources = plan["planned_values"]["root_module"]["resources"]
    return {each["address"]: each["values"] for each in resources if each["mode"] == "managed"}


def read_outputs(plan):
    """Return the values of the outputs that are known."""
    planned = plan["planned_values"]["outputs"]
    return {name: output["value"] for name, output in planned.items() if "value" in output}


def test_by_default_a_bucket_three_indexes_and_three_policies_are_created():
    assert set(read_resources(terraform.plan())) == {
        "aws_s3vectors_vector_bucket.retained[0]",
        *(
            f'aws_s3vectors_index.retained["{kind}"]'
            for kind in ("documents", "summaries", "insights")
        ),
        *(f'aws_iam_policy.this["{level}"]' for level in LEVELS),
    }


def test_an_index_has_the_configuration_that_the_provider_needs():
    """Its name has its dimension, and its text is not filterable."""
    index = read_resources(terraform.plan())['aws_s3vectors_index.retained["documents"]']

    keys = index.pop("metadata_configuration")[0]["non_filterable_metadata_keys"]
    assert sorted(keys) == ["_overflow", "text"]
    assert index == {
        "data_type": "float32",
        "dimension": 1024,
        "distance_metric": "cosine",
        "index_name": "documents-1024",
        "region": "us-east-1",
        "tags": None,
        "tags_all": {},
        "vector_bucket_name": f"stache-vectors-{ACCOUNT}",
    }


def test_an_entry_overrides_the_store_s_options():
    """It has a name, dimension, metric, key and additional non-filterable keys of its own."""
    own = {
        "name": "wide.ones",
        "dimension": 4096,
        "distance_metric": "cosine",
        "non_filterable_metadata_keys": ["raw", "text"],
        "kms_key_arn": OWN_KEY,
    }
    indexes = {"documents": {}, "wide": own}
    store = read_resources(
        terraform.plan({"dimension": 8, "distance_metric": "euclidean", "indexes": indexes})
    )

    plain = store['aws_s3vectors_index.retained["documents"]']
    assert (plain["index_name"], plain["dimension"]) == ("documents-8", 8)
    assert plain["distance_metric"] == "euclidean"
    wide = store['aws_s3vectors_index.retained["wide"]']
    assert (wide["index_name"], wide["dimension"]) == ("wide.ones", 4096)
    assert wide["distance_metric"] == "cosine"
    keys = wide["metadata_configuration"][0]["non_filterable_metadata_keys"]
    assert sorted(keys) == ["_overflow", "raw", "text"]
    assert wide["encryption_configuration"] == [{"kms_key_arn": OWN_KEY, "sse_type": "aws:kms"}]


def test_an_index_of_the_older_package_can_be_described():
    """It has no `_overflow`, and may have nine more keys."""
    keys = [f"key-{n}" for n in range(9)]
    entry = {"overflow": False, "non_filterable_metadata_keys": keys}
    store = read_resources(terraform.plan({"indexes": {"documents": entry}}))

    [metadata] = store['aws_s3vectors_index.retained["documents"]']["metadata_configuration"]
    assert sorted(metadata["non_filterable_metadata_keys"]) == [*keys, "text"]


def test_the_bucket_s_name_has_the_prefix_or_is_the_given_one():
    prefixed = read_outputs(terraform.plan({"prefix": "mine"}))
    named = read_outputs(terraform.plan({"prefix": "mine", "bucket_name": "all-mine"}))

    assert prefixed["bucket_name"] == f"mine-vectors-{ACCOUNT}"
    assert named["environment"]["S3VECTORS_BUCKET_NAME"] == "all-mine"


@pytest.mark.parametrize("region, partition", REGIONS)
def test_the_outputs_name_the_created_resources(region, partition):
    """This holds in every partition."""
    bucket = f"stache-vectors-{ACCOUNT}"
    arn = f"arn:{partition}:s3vectors:{region}:{ACCOUNT}:bucket/{bucket}"

    values = read_outputs(terraform.plan(region=region))

    assert values["bucket_name"] == bucket
    assert values["bucket_arn"] == arn
    assert sorted(values["index_names"].values()) == NAMES
    assert sorted(values["index_arns"].values()) == [f"{arn}/index/{name}" for name in NAMES]
    assert values["environment"] == {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": bucket,
        "S3VECTORS_BUCKET": bucket,
        "S3VECTORS_REGION": region,
        "S3VECTORS_DOCUMENTS_INDEX": "documents-1024",
        "S3VECTORS_SUMMARIES_INDEX": "summaries-1024",
        "S3VECTORS_INSIGHTS_INDEX": "insights-1024",
        "EMBEDDING_DIMENSION": "1024",
    }


@pytest.mark.parametrize("region, partition", REGIONS)
@pytest.mark.parametrize("keys", [[], [KEY, OWN_KEY]], ids=["s3-keys", "customer-keys"])
def test_each_level_s_policy_equals_that_of_permissions(region, partition, keys):
    """This holds with and without customer keys."""
    arn = f"arn:{partition}:s3vectors:{region}:{ACCOUNT}:bucket/stache-vectors-{ACCOUNT}"
    keys = [key.replace("us-east-1", region) for key in keys]
    own = {"kms_key_arn": OWN_KEY.replace("us-east-1", region)}
    encrypted = {
        "kms_key_arn": KEY.replace("us-east-1", region),
        "indexes": {"documents": {}, "insights": own, "summaries": own},
    }

    plan = terraform.plan(encrypted if keys else {}, region=region)

    for level in LEVELS:
        policy = read_resources(plan)[f'aws_iam_policy.this["{level}"]']
        assert policy["name"] == f"stache-vectors-{ACCOUNT}-{region}-{level}"
        assert json.loads(policy["policy"]) == build_policy(level, arn, NAMES, keys)


def test_a_given_key_encrypts_the_bucket():
    """The indexes inherit the bucket's encryption."""
    store = read_resources(terraform.plan({"kms_key_arn": KEY}))

    bucket = store["aws_s3vectors_vector_bucket.retained[0]"]
    assert bucket["encryption_configuration"] == [{"kms_key_arn": KEY, "sse_type": "aws:kms"}]


def test_all_taggable_resources_get_the_given_tags():
    """They get no others."""
    plan = terraform.plan({"tags": {"Team": "search"}, "create_kms_key": True})

    tagged = {
        address: each["tags"] for address, each in read_resources(plan).items() if "tags" in each
    }
    assert set(read_resources(plan)) - set(tagged) == {"aws_kms_key_policy.this[0]"}
    assert all(tags == {"Team": "search"} for tags in tagged.values())


SHARED = {
    "readers": ({"readers": [READER]}, [READER], []),
    "writers": ({"writers": [WRITER]}, [], [WRITER]),
    "both": ({"readers": [READER, READER], "writers": [WRITER]}, [READER], [WRITER]),
}


@pytest.mark.parametrize("region, partition", REGIONS)
@pytest.mark.parametrize("case", SHARED)
def test_the_policies_for_other_accounts_equal_those_of_permissions(case, region, partition):
    """They are the bucket policy and the created key's policy, in every partition."""
    variables, readers, writers = (
        json.loads(json.dumps(each).replace("arn:aws:", f"arn:{partition}:"))
        for each in SHARED[case]
    )
    plan = terraform.plan({**variables, "create_kms_key": True}, region=region)

    store, arn = read_resources(plan), read_outputs(plan)["bucket_arn"]
    bucket_policy = json.loads(store["aws_s3vectors_vector_bucket_policy.this[0]"]["policy"])
    assert bucket_policy == build_bucket_policy(arn, NAMES, readers, writers)
    key_policy = json.loads(store["aws_kms_key_policy.this[0]"]["policy"])
    through = format_via_service(partition, region)
    assert key_policy["Statement"][-1] == build_key_statement([*readers, *writers], through)


def test_the_policy_of_an_existing_bucket_names_the_bucket():
    """Its ARN is known when the plan is made."""
    indexes = {"documents": {"existing": True}}
    existing = {"bucket_name": "mine", "existing_bucket": True, "indexes": indexes}

    store = read_resources(terraform.plan({**existing, "readers": [READER]}))

    policy = store["aws_s3vectors_vector_bucket_policy.this[0]"]
    assert policy["vector_bucket_arn"] == f"arn:aws:s3vectors:us-east-1:{ACCOUNT}:bucket/mine"


def test_existing_resources_are_not_created():
    """They are given by name. Only policies are created."""
    indexes = {"documents": {"existing": True}, "insights": {"name": "old", "existing": True}}

    plan = terraform.plan({"bucket_name": "mine", "existing_bucket": True, "indexes": indexes})

    assert set(read_resources(plan)) == {f'aws_iam_policy.this["{level}"]' for level in LEVELS}
    assert read_outputs(plan)["index_names"] == {"documents": "documents-1024", "insights": "old"}
    assert "S3VECTORS_SUMMARIES_INDEX" not in read_outputs(plan)["environment"]


def test_the_environment_names_the_chosen_entries():
    """Its dimension is that of the documents."""
    wide = {"dimension": 3072}
    indexes = {"documents": {}, "insights": wide, "wide": wide}

    plan = terraform.plan({"indexes": indexes, "environment_indexes": {"documents": "wide"}})

    environment = read_outputs(plan)["environment"]
    assert environment["S3VECTORS_DOCUMENTS_INDEX"] == "wide-3072"
    assert environment["S3VECTORS_INSIGHTS_INDEX"] == "insights-3072"
    assert environment["EMBEDDING_DIMENSION"] == "3072"


REFUSALS = {
    "a prefix too long": ({"prefix": "a" * 43}, 'prefix is "aaa', "Shorten it"),
    "a prefix with capitals": ({"prefix": "Stache"}, 'prefix is "Stache"', "use lower case"),
    "an invalid bucket name": (
        {"bucket_name": "a_b"},
        'bucket_name is "a_b"',
        "Set the name, not the ARN",
    ),
    "a dimension of 0": ({"dimension": 0}, "dimension is 0", "from 1 to 4096. Set it"),
    "a dimension of 4097": ({"dimension": 4097}, "dimension is 4097", "from 1 to 4096. Set it"),
    "a fractional dimension": ({"dimension": 1.5}, "dimension is 1.5", "whole number"),
    "an index's dimension of 0": (
        {"indexes": {"documents": {"dimension": 0}}},
        "0 (documents)",
        "or remove it",
    ),
    "an unknown metric": (
        {"distance_metric": "dot"},
        'distance_metric is "dot"',
        "Use cosine, unless",
    ),
    "an index's unknown metric": (
        {"indexes": {"documents": {"distance_metric": "dot"}}},
        '"dot" (documents)',
        "cosine or euclidean",
    ),
    "no index": ({"indexes": {}}, "indexes is empty", "Add documents = {}"),
    "an index name with an underscore": (
        {"indexes": {"my_documents": {}}},
        'my_documents = "my_documents-1024"',
        "Rename the entry",
    ),
    "two indexes with the same name": (
        {"indexes": {"documents": {"name": "one"}, "insights": {"name": "one"}}},
        'documents = "one", insights = "one"',
        "Change one",
    ),
    "eleven non-filterable keys": (
        {"indexes": {"documents": {"non_filterable_metadata_keys": list("abcdefghi")}}},
        "11 non-filterable keys (documents)",
        "Remove those",
    ),
    "a non-filterable key too long": (
        {"indexes": {"documents": {"non_filterable_metadata_keys": ["a" * 64]}}},
        '"aaaa',
        "1 to 63 characters",
    ),
    "an alias instead of a key": (
        {"kms_key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/mine"},
        "alias/mine",
        "aws kms describe-key",
    ),
    "a pattern for several keys": (
        {"kms_key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"},
        f'kms_key_arn is "arn:aws:kms:us-east-1:{ACCOUNT}:key/*"',
        "without a wildcard",
    ),
    "a pattern for several keys of an index": (
        {"indexes": {"documents": {"kms_key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/?"}}},
        ':key/?" (documents)',
        "without a wildcard",
    ),
    "an alias instead of an index's key": (
        {"indexes": {"documents": {"kms_key_arn": "alias/mine"}}},
        '"alias/mine" (documents)',
        "aws kms describe-key",
    ),
    "a given and a created key": (
        {"kms_key_arn": KEY, "create_kms_key": True},
        "create_kms_key is true",
        "Remove one of the two",
    ),
    "a key for a bucket that has its own": (
        {"create_kms_key": True, "existing_bucket": True, "bucket_name": "mine"},
        "create_kms_key and existing_bucket are true",
        "Remove create_kms_key",
    ),
    "a key of another region": (
        {"kms_key_arn": KEY.replace("us-east-1", "eu-central-1")},
        "a customer key is in a different region from the bucket, us-east-1",
        "accepts only keys of its own region. Set a key",
    ),
    "an existing index in a new bucket": (
        {"indexes": {"documents": {"existing": True}}},
        "indexes has an entry with existing = true, and existing_bucket is false",
        "Set existing_bucket to true",
    ),
    "more than a policy can name": (
        {"indexes": {f"an-index-with-a-number-{n}": {} for n in range(60)}},
        "and IAM accepts 6144",
        "Divide them between two stores",
    ),
    "uses with several dimensions": (
        {"indexes": {"documents": {"dimension": 512}, "summaries": {}}},
        "have the dimensions 512 (documents), 1024 (summaries)",
        "Set the same dimension for all three",
    ),
    "two tags that differ in letter case": (
        {"tags": {"application": "x", "Application": "y"}},
        "the tags are Application, application",
        "Write each key in one way",
    ),
    "a prefix of policies that is too long": (
        {"policy_name_prefix": "p" * 114},
        "it must be 1 to 113 letters",
        "Shorten it",
    ),
    "a reader of every account": ({"readers": ["*"]}, 'readers has "*"', "without a wildcard"),
    "a reader that is null": ({"readers": [None]}, "readers has null: each", "aws iam get-role"),
    "a pattern for several readers": (
        {"readers": [READER, "arn:aws:iam::111122223333:role/*"]},
        'readers has "arn:aws:iam::111122223333:role/*": each',
        "aws iam get-role",
    ),
    "an account's number as a writer": (
        {"writers": ["111122223333"]},
        'writers has "111122223333"',
        "must be the ARN of a role, a user or an account's root",
    ),
    "a session of a role as a writer": (
        {"writers": ["arn:aws:sts::111122223333:assumed-role/search/me"]},
        "writers has",
        "aws iam get-role",
    ),
    "a reader of another partition": (
        {"readers": [READER.replace("arn:aws:", "arn:aws-cn:")]},
        f"a different partition from the bucket, aws: {READER.replace('arn:aws:', 'arn:aws-cn:')}",
        "Remove them",
    ),
    "an existing bucket without a name": (
        {"existing_bucket": True},
        "bucket_name is not set",
        "Set bucket_name",
    ),
    "a use that Stache does not have": (
        {"environment_indexes": {"concepts": "documents"}},
        "environment_indexes has concepts",
        "documents, summaries and insights",
    ),
    "a missing entry": (
        {"environment_indexes": {"documents": "wide"}},
        '"wide" (documents)',
        "Add the entry",
    ),
}


@pytest.mark.parametrize("key", FILTERED)
def test_a_non_filterable_key_that_stache_filters_on_is_refused(key):
    """Every search with such an index would fail, and its keys could not be changed."""
    message = terraform.find_refusal(
        {"indexes": {"notes": {"non_filterable_metadata_keys": [key]}}}
    )

    assert f'indexes has the non-filterable keys "{key}" (notes)' in message
    assert "S3 Vectors refuses filters on non-filterable keys" in message
    assert "Remove these keys" in message


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_is_refused_by_the_plan(case):
    """The message has the value and the fix."""
    variables, problem, fix = REFUSALS[case]

    message = terraform.find_refusal(variables)

    assert problem in message
    assert fix in message
    if "condition failed" not in message:
        assert message.count("Invalid value for variable") == 1
