"""The CDK construct refuses bad input at synth time, and its errors say what to do."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment, Stack, Stage
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from stache_ai_s3vectors_cdk import StacheVectorStore, VectorIndexOptions
from support.deployment.stacks import ARN, KEY, import_key, make_function

NINE = [f"key{number}" for number in range(9)]


@pytest.mark.parametrize(
    "props, problem",
    [
        ({"prefix": "Stache"}, "prefix is 'Stache'; it must be lower-case letters, digits and"),
        ({"prefix": "s" * 43}, "43 characters; it must have at most 42, .* at most 63: shorten it"),
        ({"prefix": ""}, "prefix is ''"),
        ({"bucket_name": "my_bucket"}, "bucket_name is 'my_bucket'; it must be 3 to 63"),
        (
            {"existing_bucket": True, "bucket_name": "b-1", "create_encryption_key": True},
            "existing_bucket and create_encryption_key are both True, .*give the key of the bucket",
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
            "has 11 keys; an index has at most 10: leave 1 out",
        ),
        ({"indexes": {"a": {"non_filterable_metadata_keys": ["k" * 64]}}}, "64 characters; a key"),
        *(
            (
                {"indexes": {"a": {"non_filterable_metadata_keys": ["source", key]}}},
                f"has '{key}', which Stache's searches filter on.*cannot be changed: leave it out",
            )
            for key in ("status", "namespace", "_type", "doc_id")
        ),
        ({"text_search": "english"}, "text_search is 'english'; it must be one of standard, en, f"),
        ({"text_search": ""}, "text_search is ''; it must be one of"),
        ({"readers": ["*"]}, r"readers has '\*'; it must be the ARN of a role, a user or an acc"),
        ({"readers": ["arn:aws:iam::111122223333:role/*"]}, "without wildcards"),
        ({"writers": ["111122223333"]}, "writers has '111122223333'; it must be the ARN"),
        (
            {"indexes": {"a": {"name": "same"}, "b": {"name": "same"}}},
            r"indexes\['b'\] and indexes\['a'\] both have the name 'same'; give one",
        ),
    ],
)
def test_a_bad_prop_is_refused(stack, props, problem):
    """Synthesis fails, and the error has the fix."""
    if "indexes" in props:
        entries = props["indexes"].items()
        props["indexes"] = {kind: VectorIndexOptions(**options) for kind, options in entries}

    with pytest.raises(ValueError, match=problem):
        StacheVectorStore(stack, "Store", **props)


def test_a_key_s_alias_is_refused(stack):
    """The service accepts only a key's own ARN."""
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/mine")

    with pytest.raises(ValueError, match="encryption_key is an alias, .*alias/mine.*from_key_arn"):
        StacheVectorStore(stack, "Store", encryption_key=alias)
    with pytest.raises(ValueError, match=r"indexes\['a'\].encryption_key is an alias"):
        StacheVectorStore(stack, "Other", indexes={"a": VectorIndexOptions(encryption_key=alias)})


def test_an_arn_instead_of_a_key_is_refused(stack):
    """The error shows how to make a key of it."""
    with pytest.raises(TypeError, match="give a key: kms.Key.from_key_arn"):
        StacheVectorStore(stack, "Store", encryption_key=KEY)


def test_a_given_key_and_a_created_key_are_refused_together(stack):
    with pytest.raises(ValueError, match="leave one of them out"):
        StacheVectorStore(
            stack,
            "Store",
            encryption_key=import_key(stack),
            create_encryption_key=True,
        )


def test_an_unknown_level_or_kind_is_refused(stack):
    """The error lists the existing ones."""
    store = StacheVectorStore(stack, "Store")

    connected = make_function(stack)
    with pytest.raises(ValueError, match="level is 'write'; it must be one of read, read-write,"):
        store.connect(connected, level="write")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function", {"Environment": Match.absent()}
    )
    with pytest.raises(ValueError, match="level is 'admin'"):
        store.managed_policy("admin")
    with pytest.raises(ValueError, match="kind is 'docs'; it must be one of documents, summaries"):
        store.index_arn("docs")


def test_a_string_instead_of_a_list_of_keys_is_refused(stack):
    """Each of its letters would become a key."""
    options = VectorIndexOptions(non_filterable_metadata_keys="source")

    with pytest.raises(TypeError, match=r"is 'source'; it must be a list: \['source'\]"):
        StacheVectorStore(stack, "Store", indexes={"documents": options})


@pytest.mark.parametrize("options", [{"dimension": 3}, 1024, "documents-1024", None])
def test_an_index_that_is_not_vector_index_options_is_refused(stack, options):
    """The error names the prop and shows valid options."""
    with pytest.raises(TypeError, match=r"indexes\['documents'\] is .*VectorIndexOptions\(dimens"):
        StacheVectorStore(stack, "Store", indexes={"documents": options})


@pytest.mark.parametrize("prop", ["readers", "writers"])
def test_a_string_instead_of_a_list_of_principals_is_refused(stack, prop):
    """Each of its letters would become a principal."""
    with pytest.raises(TypeError, match=rf"{prop} is 'arn:.*'; it must be a list"):
        StacheVectorStore(stack, "Store", **{prop: "arn:aws:iam::111122223333:root"})


@pytest.mark.parametrize(
    "attributes, problem",
    [
        (
            {"bucket_name": "my-bucket", "index_names": {"docs": "documents-1024"}},
            "index_names is {'docs': 'documents-1024'}; it must name .* documents, summaries",
        ),
        ({"bucket_name": "my-bucket", "index_names": {}}, "index_names is {}"),
        ({"index_names": {"documents": "documents-1024"}}, "either bucket_name or bucket_arn"),
        (
            {"bucket_arn": "my-bucket", "index_names": {"documents": "documents-1024"}},
            "bucket_arn is 'my-bucket'; it must be arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/",
        ),
        (
            {"bucket_name": "b-1", "bucket_arn": ARN, "index_names": {"documents": "documents"}},
            "either bucket_name or bucket_arn",
        ),
    ],
)
def test_invalid_store_attributes_are_refused(stack, attributes, problem):
    """Otherwise the function would look for indexes of other names."""
    with pytest.raises(ValueError, match=problem):
        StacheVectorStore.from_store_attributes(stack, "Store", **attributes)


def test_a_store_without_documents_has_no_environment(stack):
    """Otherwise Stache would use its default index name."""
    store = StacheVectorStore(stack, "Store", indexes={"docs": VectorIndexOptions()})
    connected = make_function(stack)

    with pytest.raises(ValueError, match="has the kinds docs; Stache needs one .* 'documents'"):
        store.connect(connected)
    assert "AWS::IAM::Policy" not in Template.from_stack(stack).to_json()["Resources"]


@pytest.mark.parametrize("key", ["*", "1234abcd-*", "1234/*", "?234"])
def test_a_pattern_instead_of_a_key_is_refused(stack, key):
    """The policies would allow other keys."""
    several = import_key(stack, "Keys", f"arn:aws:kms:us-east-1:123456789012:key/{key}")

    with pytest.raises(ValueError, match="encryption_key is .*the ARN of one key"):
        StacheVectorStore(stack, "Store", encryption_key=several)


def test_a_key_of_another_region_is_refused():
    """It is given by its ARN, or created by a stack in that region."""
    app = App()
    stack = Stack(app, "StoreStack", env=Environment(account="123456789012", region="eu-west-1"))
    other = Stack(app, "KeyStack", env=Environment(account="123456789012", region="us-east-1"))
    keys = [import_key(stack), kms.Key(other, "Key")]

    for number, key in enumerate(keys):
        with pytest.raises(ValueError, match="encryption_key is a key in us-east-1, and the buck"):
            StacheVectorStore(stack, f"Store{number}", encryption_key=key)
    options = VectorIndexOptions(encryption_key=keys[0])
    with pytest.raises(ValueError, match=r"indexes\['a'\].encryption_key is a key in us-east-1"):
        StacheVectorStore(stack, "Store", indexes={"a": options})


@pytest.mark.parametrize("props", [{}, {"bucket_name": "my-bucket"}])
def test_two_stores_of_the_same_name_are_refused(stack, props):
    """In one stack or in two: the second deployment would fail half-way."""
    StacheVectorStore(stack, "Store", **props)
    second = Stack(stack.node.scope, "Second")

    for scope in (stack, second):
        with pytest.raises(ValueError, match="same name as that of Stack/Store.*another prefix"):
            StacheVectorStore(scope, "Other", **props)
    StacheVectorStore(second, "Third", prefix="other")


def test_the_same_name_in_two_accounts_or_regions_is_allowed():
    """Each has its own buckets. The accounts of stages may be unknown."""
    app = App()
    one, two = "1" * 12, "2" * 12
    for account, region in [(one, "us-east-1"), (two, "us-east-1"), (one, "eu-west-1")]:
        env = Environment(account=account, region=region)
        StacheVectorStore(Stack(app, f"In{account}{region}", env=env), "Store")
    for name in ("Test", "Production"):
        StacheVectorStore(Stack(Stage(app, name), "Stack"), "Store")
