"""The recipes of the Terraform module's README, followed to the letter."""

from __future__ import annotations

import json
import os
import sys

import pytest

from recipes import (
    BUCKET,
    README,
    read_blocks,
    read_commands,
    read_moves,
    read_usage,
    write_configuration,
)
from stache_ai_s3vectors.service.permissions import build_key_statement

VECTORS = "module.stache_vectors.aws_s3vectors"


@pytest.fixture
def follow(make_store_workspace):
    """Makes a folder with that code; the name of its bucket is its own."""

    def make_folder(name, *code, **options):
        folder = make_store_workspace({}, "examples/basic", name, **options)
        write_configuration(folder, *code)
        return folder

    return make_folder


@pytest.fixture(autouse=True)
def _alone(create_server_client):
    """Each recipe has its bucket's default name, so it leaves none to the next."""
    yield
    vectors, iam = create_server_client("s3vectors"), create_server_client("iam")
    for bucket in vectors.list_vector_buckets(prefix=BUCKET)["vectorBuckets"]:
        for index in vectors.list_indexes(vectorBucketArn=bucket["vectorBucketArn"])["indexes"]:
            vectors.delete_index(indexArn=index["indexArn"])
        vectors.delete_vector_bucket(vectorBucketArn=bucket["vectorBucketArn"])
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        if policy["PolicyName"].startswith(BUCKET):
            iam.delete_policy(PolicyArn=policy["Arn"])


def indexes(vectors):
    """The names of those that are there."""
    listed = vectors.list_indexes(vectorBucketName=BUCKET)["indexes"]
    return sorted(index["indexName"] for index in listed)


def test_what_a_lost_state_knew_is_referred_to_again(follow, create_server_client):
    """With the policies, whose names are taken, imported."""
    first = follow("lost", read_usage())
    first.apply()
    by_name, policies = read_blocks("Use data that exists", "hcl")
    again = follow("found", by_name, policies)

    changes = again.list_changes()
    again.apply()

    assert changes == {}
    assert not [name for name in again.list_resources() if name.startswith(VECTORS)]
    again.destroy()
    assert indexes(create_server_client("s3vectors")) == [
        "documents-1024",
        "insights-1024",
        "summaries-1024",
    ]


def test_what_a_lost_state_knew_is_imported(follow):
    """Then there is nothing to change."""
    follow("lost", read_usage()).apply()
    again = follow("found", read_usage(), read_blocks("Use data that exists", "hcl")[1])

    for command in read_commands("Use data that exists"):
        if "aws_kms" not in command[1]:
            again.check_output(*command)

    assert again.list_changes() == {}
    assert len([name for name in again.list_resources() if name.startswith(VECTORS)]) == 4


def test_what_a_lost_state_knew_is_imported_with_its_key(follow, create_server_client):
    """Otherwise the plan would be for a new key, and a new bucket with it."""
    with_key = read_usage().replace("source =", "create_kms_key = true\n\n  source =", 1)
    first = follow("lost", with_key)
    first.apply()
    [bucket] = create_server_client("s3vectors").list_vector_buckets(prefix=BUCKET)["vectorBuckets"]
    response = create_server_client("s3vectors").get_vector_bucket(
        vectorBucketArn=bucket["vectorBucketArn"]
    )
    key = response["vectorBucket"]["encryptionConfiguration"]["kmsKeyArn"].rpartition("/")[2]
    again = follow("found", with_key, read_blocks("Use data that exists", "hcl")[1])

    commands = read_commands("Use data that exists")
    for command in sorted(commands, key=lambda each: "aws_kms" not in each[1]):
        again.check_output(*(part.replace("KEY_ID", key) for part in command))

    assert again.list_changes() == {}


@pytest.fixture
def older(create_server_client):
    """Three indexes as the older package makes them: `text` alone is non-filterable."""
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


@pytest.mark.usefixtures("older")
def test_indexes_of_the_older_package_are_imported_as_they_are(follow):
    """Nothing of them changes, and no plan warns of their keys."""
    title = "Indexes of the older package"
    folder = follow("older", *read_blocks(title, "hcl"))

    for command in read_commands(title):
        folder.check_output(*command)

    assert {tuple(actions) for actions in folder.list_changes().values()} == {("create",)}
    assert not [name for name in folder.list_changes() if name.startswith(VECTORS)]
    assert folder.read_warnings() == []
    folder.apply()
    assert folder.list_changes() == {}
    assert folder.read_warnings() == []


@pytest.mark.usefixtures("older")
def test_indexes_of_the_older_package_that_are_imported_as_new_ones_are_a_warning(follow):
    """It names the attribute that the page has."""
    title = "Indexes of the older package"
    [code] = read_blocks(title, "hcl")
    assert ", overflow = false" in code
    folder = follow("warned", code.replace(", overflow = false", ""))

    for command in read_commands(title):
        folder.check_output(*command)

    [warning] = folder.read_warnings()
    assert "stache-documents has text, and its entry has _overflow, text" in warning
    assert "with `overflow = false` if it has no _overflow" in warning


def test_a_second_size_is_put_beside_the_first_and_then_used(follow, create_server_client):
    """Nothing of the first is touched."""
    folder = follow("sizes", read_usage())
    folder.apply()
    wide, switch = read_blocks("A new embedding model", "hcl")
    output = read_usage().partition("\n\n")[2]

    write_configuration(folder, wide, output)
    before = folder.apply()["environment"]
    write_configuration(folder, wide.rstrip().removesuffix("}") + switch + "}\n", output)
    after = folder.apply()["environment"]

    assert len(indexes(create_server_client("s3vectors"))) == 6
    assert before["S3VECTORS_DOCUMENTS_INDEX"] == "documents-1024"
    assert after["S3VECTORS_DOCUMENTS_INDEX"] == "documents-3072"
    assert after["S3VECTORS_SUMMARIES_INDEX"] == "summaries-3072"
    assert after["S3VECTORS_INSIGHTS_INDEX"] == "insights-3072"
    assert after["EMBEDDING_DIMENSION"] == "3072"


def test_the_rest_is_removed_and_the_vectors_stay(follow, create_server_client):
    """Once Terraform has forgotten them."""
    folder = follow("left", read_usage())
    folder.apply()
    forget, destroy, *_ = read_commands("Remove it")

    folder.check_output(*forget)
    folder.check_output(*destroy, "-auto-approve")

    assert folder.list_resources() == []
    assert len(indexes(create_server_client("s3vectors"))) == 3


def test_everything_is_removed_on_request(follow, create_server_client):
    """The same bucket, no longer retained; then destroyed."""
    folder = follow("removed", read_usage())
    folder.apply()

    write_configuration(folder, *read_blocks("Remove it", "hcl"))
    move(folder, "disposable")
    changed = folder.list_changes()
    folder.check_output("apply", "-auto-approve")
    folder.check_output("destroy", "-auto-approve")

    assert not [name for name, actions in changed.items() if "delete" in actions]
    assert (
        create_server_client("s3vectors").list_vector_buckets(prefix=BUCKET)["vectorBuckets"] == []
    )


def move(folder, to):
    """Tell Terraform that it is the same, from now on retained, or no longer."""
    for command in read_moves(to):
        folder.check_output(*command)


def test_what_was_disposable_is_retained_when_terraform_is_told_first(follow):
    """Otherwise the plan destroys all of it, as the input's description says."""
    folder = follow(
        "back", read_usage().replace("source =", "retain_data = false\n\n  source =", 1)
    )
    folder.apply()
    write_configuration(folder, read_usage())
    untold = folder.list_changes()

    move(folder, "retained")
    changes = folder.list_changes()

    assert any("delete" in actions for actions in untold.values())
    assert not any("delete" in actions for actions in changes.values())
    assert "from `false` to `true` without the steps" in README


def test_an_entry_is_left_behind_or_gets_another_key(follow, create_server_client):
    """Nothing of it is destroyed."""
    folder = follow("one", read_usage())
    folder.apply()
    left, renamed = read_commands("One index")
    entries = 'documents = {}\n overviews = { name = "summaries-1024" }'
    variables = f'indexes = {{ {entries} }}\n environment_indexes = {{ summaries = "overviews" }}'
    write_configuration(
        folder,
        read_usage().replace("source =", f"{variables}\n\n  source =", 1).replace("\n ", "\n  "),
    )

    folder.check_output(*left)
    folder.check_output(*renamed)

    assert not any("delete" in actions for actions in folder.list_changes().values())
    assert "insights-1024" in indexes(create_server_client("s3vectors"))


def test_a_key_whose_policy_is_written_into_it_is_there_first(follow):
    """As the page has it."""
    [code] = read_blocks("A customer key of your own", "hcl")

    assert follow("own", code).apply() == {}


@pytest.fixture
def programs(tmp_path):
    """A folder with the tool, as this process would run it."""
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), "$PYTHONPATH"])
    script = tmp_path / "bin" / "stache-s3vectors"
    script.parent.mkdir()
    run = f'"{sys.executable}" -m stache_ai_s3vectors "$@"'
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec {run}\n')
    script.chmod(0o755)
    return script.parent


def test_text_search_is_added_after_the_indexes(follow, programs, create_server_client):
    """By the tool, which Terraform runs once; the next plan has nothing to do."""
    [code] = read_blocks("Text search", "hcl")
    folder = follow("searched", read_usage(), code, programs=programs)

    folder.apply()

    vectors = create_server_client("s3vectors")
    for name in indexes(vectors):
        index = vectors.get_index(vectorBucketName=BUCKET, indexName=name)["index"]
        [search] = index["metadataConfiguration"]["textSearchConfigurations"]
        assert (index["indexMode"], search["metadataKey"]) == ("ENHANCED", "text")
    assert folder.list_changes() == {}
    assert folder.read_warnings() == []


def test_a_reader_that_the_same_apply_creates_gets_access(follow, create_server_client):
    """Its ARN is known after the apply only, as that of a role is."""
    [code] = read_blocks("A function in another account reads", "hcl")
    role = '"arn:aws:iam::111122223333:role/search"'
    role_resource = f'resource "terraform_data" "role" {{\n  input = {role}\n}}\n'
    folder = follow("unknown", code.replace(role, "terraform_data.role.output"), role_resource)

    folder.apply()

    document = create_server_client("s3vectors").get_vector_bucket_policy(vectorBucketName=BUCKET)[
        "policy"
    ]
    [statement] = json.loads(document)["Statement"]
    assert statement["Principal"] == {"AWS": [json.loads(role)]}
    assert folder.list_changes() == {}


def test_the_statement_for_a_key_of_one_s_own_is_that_of_the_table_of_permissions():
    """As `create_kms_key` writes it."""
    [statement] = read_blocks("A function in another account reads", "json")
    [code] = read_blocks("A function in another account reads", "hcl")
    reader = "arn:aws:iam::111122223333:role/search"

    assert json.loads(statement) == build_key_statement(
        [reader], "s3vectors.us-east-1.amazonaws.com"
    )
    assert f'readers = ["{reader}"]' in code


def test_a_second_store_of_the_same_name_fails_and_is_mended_by_another_name(follow):
    """Nothing of the first is touched."""
    first = follow("first", read_usage())
    first.apply()
    second = follow("second", read_usage())

    message = second.read_refusal("apply", "-auto-approve")
    left = [name for name in second.list_resources() if ".data." not in name]
    write_configuration(
        second, read_usage().replace("source =", 'prefix = "stache-vectors-two"\n\n  source =', 1)
    )
    second.apply()

    assert "ConflictException" in message
    assert "ConflictException" in README
    assert left == []
    assert first.list_changes() == {}
    assert second.list_changes() == {}


def test_a_module_that_is_deleted_from_the_configuration_is_not_protected(follow):
    """So the README warns of it."""
    folder = follow("deleted", read_usage())
    folder.apply()

    write_configuration(folder, "")

    assert f'{VECTORS}_index.retained["documents"]' in folder.list_changes()
    assert "Do not just delete the module" in README
