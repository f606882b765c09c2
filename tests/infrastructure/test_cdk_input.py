"""What the CDK construct refuses when it is synthesized, and how it says so."""

from __future__ import annotations

import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from stacks import KEY, function, own_key

NINE = [f"key{number}" for number in range(9)]


@pytest.mark.parametrize(
    "props, problem",
    [
        ({"prefix": "Stache"}, "prefix is 'Stache'; it must be lower-case letters, digits and"),
        ({"prefix": "s" * 43}, "43 characters; .* leave 42 of the bucket's 63: shorten it"),
        ({"prefix": ""}, "prefix is ''"),
        ({"bucket_name": "my_bucket"}, "bucket_name is 'my_bucket'; it must be 3 to 63"),
        (
            {"existing_bucket": True, "bucket_name": "b-1", "create_encryption_key": True},
            "existing_bucket and create_encryption_key are both True, .*give the key that it has",
        ),
        ({"indexes": {"a": {"existing": True}}}, r"\['a'\].existing is True, but a new bucket has"),
        (
            {"indexes": {"documents": {"dimension": 8}, "insights": {}}},
            r"has the dimensions 8 \(documents\), 1024 \(insights\), but Stache embeds .*give them",
        ),
        ({"dimension": True}, "dimension is True; it must be 1 to 4096"),
        ({"dimension": 10.5}, "dimension is 10.5; it must be 1 to 4096"),
        ({"dimension": "1024"}, "dimension is '1024'; it must be 1 to 4096"),
        ({"existing_bucket": True}, "existing_bucket is True and bucket_name is not given"),
        ({"dimension": 0}, "dimension is 0; it must be 1 to 4096"),
        ({"dimension": 4097}, "dimension is 4097; it must be 1 to 4096"),
        ({"distance_metric": "dot"}, "distance_metric is 'dot'; it must be one of cosine, eucl"),
        ({"indexes": {}}, "indexes is empty; leave it out for documents, summaries and insights"),
        ({"indexes": {"documents": {"name": "my_docs"}}}, r"\['documents'\].name is 'my_docs'"),
        ({"indexes": {"my_docs": {}}}, "name is 'my_docs-1024'; it must be 3 to 63 lower-case"),
        ({"indexes": {"a": {"dimension": 0}}}, r"indexes\['a'\].dimension is 0; it must be 1 to"),
        (
            {"indexes": {"a": {"non_filterable_metadata_keys": NINE}}},
            "makes 11 keys with text and _overflow; the service takes 10: leave 1 out",
        ),
        ({"indexes": {"a": {"non_filterable_metadata_keys": ["k" * 64]}}}, "64 characters; a key"),
        (
            {"indexes": {"a": {"name": "same"}, "b": {"name": "same"}}},
            r"indexes\['b'\] and indexes\['a'\] both have the name 'same'; give one",
        ),
    ],
)
def test_bad_input_is_refused_with_its_fix(stack, props, problem):
    """When it is synthesized, before anything is deployed."""
    if "indexes" in props:
        given = props["indexes"].items()
        props["indexes"] = {kind: VectorIndexOptions(**options) for kind, options in given}

    with pytest.raises(ValueError, match=problem):
        StacheVectorStore(stack, "Store", **props)


def test_an_alias_is_refused(stack):
    """The service takes a key's own ARN only."""
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/mine")

    with pytest.raises(ValueError, match="encryption_key is an alias, .*alias/mine.*from_key_arn"):
        StacheVectorStore(stack, "Store", encryption_key=alias)
    with pytest.raises(ValueError, match=r"indexes\['a'\].encryption_key is an alias"):
        StacheVectorStore(stack, "Other", indexes={"a": VectorIndexOptions(encryption_key=alias)})


def test_an_arn_is_no_key(stack):
    """But it is easily made one."""
    with pytest.raises(TypeError, match="give a key: kms.Key.from_key_arn"):
        StacheVectorStore(stack, "Store", encryption_key=KEY)


def test_a_key_is_given_or_created(stack):
    """Not both."""
    with pytest.raises(ValueError, match="leave one of them out"):
        StacheVectorStore(
            stack,
            "Store",
            encryption_key=own_key(stack),
            create_encryption_key=True,
        )


def test_an_unknown_level_or_kind_is_refused(stack):
    """With those that there are."""
    store = StacheVectorStore(stack, "Store")

    connected = function(stack)
    with pytest.raises(ValueError, match="level is 'write'; it must be one of read, read-write,"):
        store.connect(connected, level="write")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function", {"Environment": Match.absent()}
    )
    with pytest.raises(ValueError, match="level is 'admin'"):
        store.managed_policy("admin")
    with pytest.raises(ValueError, match="kind is 'docs'; it must be one of documents, summaries"):
        store.index_arn("docs")


def test_one_key_that_is_no_list_is_refused(stack):
    """Its letters would become keys."""
    options = VectorIndexOptions(non_filterable_metadata_keys="source")

    with pytest.raises(TypeError, match=r"is 'source'; it must be a list: \['source'\]"):
        StacheVectorStore(stack, "Store", indexes={"documents": options})
