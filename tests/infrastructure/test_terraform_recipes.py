"""The recipes of the Terraform module's README, followed word for word."""

from __future__ import annotations

import json
import os
import sys

import pytest

from stache_ai_s3vectors.service.permissions import build_key_statement
from support.deployment.terraform_readme import (
    BUCKET,
    README,
    read_blocks,
    read_commands,
    read_moves,
    read_usage,
    write_configuration,
)

VECTORS = "module.stache_vectors.aws_s3vectors"


@pytest.fixture
def make_folder(make_store_workspace):
    """Return a function that makes a folder with the code of a recipe."""

    def make(name, *code, **options):
        folder = make_store_workspace({}, "examples/basic", name, **options)
        write_configuration(folder, *code)
        return folder

    return make


@pytest.fixture(autouse=True)
def _clean_up(create_server_client):
    """Delete the recipe's resources: all recipes use the default bucket name."""
    yield
    vectors, iam = create_server_client("s3vectors"), create_server_client("iam")
    for bucket in vectors.list_vector_buckets(prefix=BUCKET)["vectorBuckets"]:
        for index in vectors.list_indexes(vectorBucketArn=bucket["vectorBucketArn"])["indexes"]:
            vectors.delete_index(indexArn=index["indexArn"])
        vectors.delete_vector_bucket(vectorBucketArn=bucket["vectorBucketArn"])
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        if policy["PolicyName"].startswith(BUCKET):
            iam.delete_policy(PolicyArn=policy["Arn"])


def list_index_names(vectors):
    """List the names of the bucket's indexes."""
    listed = vectors.list_indexes(vectorBucketName=BUCKET)["indexes"]
    return sorted(index["indexName"] for index in listed)


def test_after_a_lost_state_the_data_is_used_by_name(make_folder, create_server_client):
    """Only the policies are imported, because their names are taken."""
    first = make_folder("lost", read_usage())
    first.apply()
    by_name, policies = read_blocks("Use data that exists", "hcl")
    recovered = make_folder("new-state", by_name, policies)

    changes = recovered.list_changes()
    recovered.apply()

    assert changes == {}
    assert not [name for name in recovered.list_resources() if name.startswith(VECTORS)]
    recovered.destroy()
    assert list_index_names(create_server_client("s3vectors")) == [
        "documents-1024",
        "insights-1024",
        "summaries-1024",
    ]


def test_after_a_lost_state_the_data_is_imported(make_folder):
    """The next plan is empty."""
    make_folder("lost", read_usage()).apply()
    recovered = make_folder(
        "new-state", read_usage(), read_blocks("Use data that exists", "hcl")[1]
    )

    for command in read_commands("Use data that exists"):
        if "aws_kms" not in command[1]:
            recovered.check_output(*command)

    assert recovered.list_changes() == {}
    assert len([name for name in recovered.list_resources() if name.startswith(VECTORS)]) == 4


def test_after_a_lost_state_the_data_is_imported_with_its_key(make_folder, create_server_client):
    """Otherwise the plan would replace the key, and the bucket with it."""
    with_key = read_usage().replace("source =", "create_kms_key = true\n\n  source =", 1)
    first = make_folder("lost", with_key)
    first.apply()
    [bucket] = create_server_client("s3vectors").list_vector_buckets(prefix=BUCKET)["vectorBuckets"]
    response = create_server_client("s3vectors").get_vector_bucket(
        vectorBucketArn=bucket["vectorBucketArn"]
    )
    key = response["vectorBucket"]["encryptionConfiguration"]["kmsKeyArn"].rpartition("/")[2]
    recovered = make_folder("new-state", with_key, read_blocks("Use data that exists", "hcl")[1])

    commands = read_commands("Use data that exists")
    for command in sorted(commands, key=lambda each: "aws_kms" not in each[1]):
        recovered.check_output(*(part.replace("KEY_ID", key) for part in command))

    assert recovered.list_changes() == {}


@pytest.fixture
def older_indexes(create_server_client):
    """Create three indexes like the older package, with `text` as the only non-filterable key."""
    vectors = create_server_client("s3vectors")
    vectors.create_vector_bucket(vectorBucketName="my-bucket")
    for kind in ("documents", "summaries", "insights"):
        vectors.create_index(
            vectorBucketName="my-bucket",
            indexName=f"stache-{kind}",
            dataType="float32",
            dimension=1024,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
        )
    yield
    for kind in ("documents", "summaries", "insights"):
        vectors.delete_index(vectorBucketName="my-bucket", indexName=f"stache-{kind}")
    vectors.delete_vector_bucket(vectorBucketName="my-bucket")


@pytest.mark.usefixtures("older_indexes")
def test_indexes_of_the_older_package_are_imported_unchanged(make_folder):
    """No plan warns of their keys."""
    title = "Indexes of the older package"
    folder = make_folder("older", *read_blocks(title, "hcl"))

    for command in read_commands(title):
        folder.check_output(*command)

    assert {tuple(actions) for actions in folder.list_changes().values()} == {("create",)}
    assert not [name for name in folder.list_changes() if name.startswith(VECTORS)]
    assert folder.read_warnings() == []
    folder.apply()
    assert folder.list_changes() == {}
    assert folder.read_warnings() == []


@pytest.mark.usefixtures("older_indexes")
def test_indexes_of_the_older_package_without_the_attribute_cause_a_warning(make_folder):
    """The warning names the attribute of the recipe."""
    title = "Indexes of the older package"
    [code] = read_blocks(title, "hcl")
    assert ", overflow = false" in code
    folder = make_folder("warned", code.replace(", overflow = false", ""))

    for command in read_commands(title):
        folder.check_output(*command)

    [warning] = folder.read_warnings()
    assert "stache-documents has text, and its entry has _overflow, text" in warning
    assert "with `overflow = false` if it has no _overflow" in warning


def test_a_second_dimension_is_added_and_then_used(make_folder, create_server_client):
    """The first indexes do not change."""
    folder = make_folder("sizes", read_usage())
    folder.apply()
    wide, switch = read_blocks("A new embedding model", "hcl")
    output = read_usage().partition("\n\n")[2]

    write_configuration(folder, wide, output)
    before = folder.apply()["environment"]
    write_configuration(folder, wide.rstrip().removesuffix("}") + switch + "}\n", output)
    after = folder.apply()["environment"]

    assert len(list_index_names(create_server_client("s3vectors"))) == 6
    assert before["S3VECTORS_DOCUMENTS_INDEX"] == "documents-1024"
    assert after["S3VECTORS_DOCUMENTS_INDEX"] == "documents-3072"
    assert after["S3VECTORS_SUMMARIES_INDEX"] == "summaries-3072"
    assert after["S3VECTORS_INSIGHTS_INDEX"] == "insights-3072"
    assert after["EMBEDDING_DIMENSION"] == "3072"


def test_all_but_the_vectors_is_destroyed(make_folder, create_server_client):
    """Terraform forgets the vectors first."""
    folder = make_folder("left", read_usage())
    folder.apply()
    forget, destroy, *_ = read_commands("Remove it")

    folder.check_output(*forget)
    folder.check_output(*destroy, "-auto-approve")

    assert folder.list_resources() == []
    assert len(list_index_names(create_server_client("s3vectors"))) == 3


def test_everything_can_be_destroyed(make_folder, create_server_client):
    """The bucket is moved to the disposable resources first."""
    folder = make_folder("removed", read_usage())
    folder.apply()

    write_configuration(folder, *read_blocks("Remove it", "hcl"))
    move_resources(folder, "disposable")
    changed = folder.list_changes()
    folder.check_output("apply", "-auto-approve")
    folder.check_output("destroy", "-auto-approve")

    assert not [name for name, actions in changed.items() if "delete" in actions]
    assert (
        create_server_client("s3vectors").list_vector_buckets(prefix=BUCKET)["vectorBuckets"] == []
    )


def move_resources(folder, to):
    """Move the resources in Terraform's state to the retained or the disposable ones."""
    for command in read_moves(to):
        folder.check_output(*command)


def test_disposable_data_becomes_retained_with_the_recipe_s_moves(make_folder):
    """Without them, the plan destroys it, as the input's description says."""
    folder = make_folder(
        "back", read_usage().replace("source =", "retain_data = false\n\n  source =", 1)
    )
    folder.apply()
    write_configuration(folder, read_usage())
    without_moves = folder.list_changes()

    move_resources(folder, "retained")
    changes = folder.list_changes()

    assert any("delete" in actions for actions in without_moves.values())
    assert not any("delete" in actions for actions in changes.values())
    assert "from `false` to `true` without the steps" in README


def test_an_entry_is_forgotten_or_renamed(make_folder, create_server_client):
    """Nothing is destroyed."""
    folder = make_folder("one", read_usage())
    folder.apply()
    forget, rename = read_commands("One index")
    entries = 'documents = {}\n overviews = { name = "summaries-1024" }'
    variables = f'indexes = {{ {entries} }}\n environment_indexes = {{ summaries = "overviews" }}'
    write_configuration(
        folder,
        read_usage().replace("source =", f"{variables}\n\n  source =", 1).replace("\n ", "\n  "),
    )

    folder.check_output(*forget)
    folder.check_output(*rename)

    assert not any("delete" in actions for actions in folder.list_changes().values())
    assert "insights-1024" in list_index_names(create_server_client("s3vectors"))


def test_the_recipe_s_key_is_created_before_the_store(make_folder):
    [code] = read_blocks("A customer key of your own", "hcl")

    assert make_folder("own", code).apply() == {}


@pytest.fixture
def programs(tmp_path):
    """Create a folder with a script that runs the tool with this Python."""
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), "$PYTHONPATH"])
    script = tmp_path / "bin" / "stache-s3vectors"
    script.parent.mkdir()
    run = f'"{sys.executable}" -m stache_ai_s3vectors "$@"'
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec {run}\n')
    script.chmod(0o755)
    return script.parent


def test_text_search_is_added_after_the_indexes(make_folder, programs, create_server_client):
    """Terraform runs the tool once; the next plan is empty."""
    [code] = read_blocks("Text search", "hcl")
    folder = make_folder("searched", read_usage(), code, programs=programs)

    folder.apply()

    vectors = create_server_client("s3vectors")
    for name in list_index_names(vectors):
        index = vectors.get_index(vectorBucketName=BUCKET, indexName=name)["index"]
        [search] = index["metadataConfiguration"]["textSearchConfigurations"]
        assert (index["indexMode"], search["metadataKey"]) == ("ENHANCED", "text")
    assert folder.list_changes() == {}
    assert folder.read_warnings() == []


def test_a_reader_that_the_same_apply_creates_gets_access(make_folder, create_server_client):
    """Its ARN is unknown until the apply, like a role's."""
    [code] = read_blocks("Give a function in another account access", "hcl")
    role = '"arn:aws:iam::111122223333:role/search"'
    role_resource = f'resource "terraform_data" "role" {{\n  input = {role}\n}}\n'
    folder = make_folder("unknown", code.replace(role, "terraform_data.role.output"), role_resource)

    folder.apply()

    document = create_server_client("s3vectors").get_vector_bucket_policy(vectorBucketName=BUCKET)[
        "policy"
    ]
    [statement] = json.loads(document)["Statement"]
    assert statement["Principal"] == {"AWS": [json.loads(role)]}
    assert folder.list_changes() == {}


def test_the_statement_for_a_customer_key_equals_that_of_permissions():
    """A created key has the same statement."""
    [statement] = read_blocks("Give a function in another account access", "json")
    [code] = read_blocks("Give a function in another account access", "hcl")
    reader = "arn:aws:iam::111122223333:role/search"

    assert json.loads(statement) == build_key_statement(
        [reader], "s3vectors.us-east-1.amazonaws.com"
    )
    assert f'readers = ["{reader}"]' in code


def test_a_second_store_of_the_same_name_fails_until_it_gets_another_name(make_folder):
    """The first store does not change."""
    first = make_folder("first", read_usage())
    first.apply()
    second = make_folder("second", read_usage())

    message = second.read_refusal("apply", "-auto-approve")
    created = [name for name in second.list_resources() if ".data." not in name]
    write_configuration(
        second, read_usage().replace("source =", 'prefix = "stache-vectors-two"\n\n  source =', 1)
    )
    second.apply()

    assert "ConflictException" in message
    assert "ConflictException" in README
    assert created == []
    assert first.list_changes() == {}
    assert second.list_changes() == {}


def test_deleting_the_module_from_the_configuration_destroys_the_data(make_folder):
    """The README warns of it."""
    folder = make_folder("deleted", read_usage())
    folder.apply()

    write_configuration(folder, "")

    assert f'{VECTORS}_index.retained["documents"]' in folder.list_changes()
    assert "Do not just delete the module" in README
