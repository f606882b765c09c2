"""`migrate` copies an index that the older package wrote."""

from __future__ import annotations

import json

import pytest

from stache_ai_s3vectors import InvalidInputError
from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.tool.migration import Restorer
from support import providers, tool

NON_FILTERABLE = frozenset({"text", "_overflow"})
MIGRATE = ("migrate", "old", "new", *tool.LOCAL)


def restore_metadata(metadata, plain_keys=()):
    """Restore the metadata of one vector."""
    record = Record("a", [1.0], {"text": "t", "namespace": "n", "status": "active", **metadata})
    stored = Restorer(NON_FILTERABLE, plain_keys).restore(record).metadata
    overflow = json.loads(stored.get("_overflow", "{}"))
    return {**{key: stored[key] for key in stored if key != "_overflow"}, **overflow}


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1},
        {"a": [1, None, {"b": "ü"}], "c": True},
        {},
    ],
)
def test_a_stored_json_string_becomes_an_object_again(value):
    """The older package stored `json.dumps` of objects."""
    assert restore_metadata({"key": json.dumps(value)})["key"] == value


def test_objects_and_lists_within_a_list_are_restored():
    """Each was a JSON text of its own; plain strings in the same list stay."""
    value = ["plain", {"a": 1}, ["b", 2]]
    stored = [v if isinstance(v, str) else json.dumps(v) for v in value]

    assert restore_metadata({"key": stored})["key"] == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1}',
        '{ "a": 1 }',
        "{'a': 1}",
        "{not json}",
        "[1, 2]",
        '"text"',
        "12",
        "null",
        "{",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"a": "ü"}',
    ],
)
def test_a_string_that_the_older_package_does_not_write_is_unchanged(text):
    """To the byte; it stored a list at the top level as a list."""
    assert restore_metadata({"key": text})["key"] == text


def test_a_key_can_be_excluded():
    """A user's own strings may be JSON of that form."""
    assert restore_metadata({"mine": '{"a": 1}', "other": '{"a": 1}'}, plain_keys=["mine"]) == {
        "text": "t",
        "namespace": "n",
        "status": "active",
        "mine": '{"a": 1}',
        "other": {"a": 1},
    }


def test_metadata_that_does_not_fit_is_an_error():
    """A large object cannot be stored in an index without _overflow."""
    record = Record("a", [1.0], {"text": "t", "key": json.dumps({"a": "x" * 2_000})})

    with pytest.raises(InvalidInputError, match="has no non-filterable key '_overflow'"):
        Restorer(frozenset({"text"})).restore(record)


@pytest.fixture
def old():
    """Create an index as the older package's template does, with what it would have written."""
    provider = providers.create_provider("old", s3vectors_endpoint_url="local:data")
    names = providers.create_older_index(provider)
    statuses = ("active", "deleting")
    vectors = [
        {
            "key": f"k{n}",
            "data": {"float32": [1.0, float(n), 0.5, 0.25]},
            "metadata": {
                "text": f"text {n}",
                "namespace": f"ns{n % 3}",
                "status": statuses[n % 2],
                "author": json.dumps({"name": "Ada", "born": n}),
                "page": n,
            },
        }
        for n in range(12)
    ]
    provider.client.put_vectors(**names, vectors=vectors)
    return provider


def test_a_dry_run_writes_nothing(old):
    """It reports what would be copied, and which strings become objects."""
    shown = tool.run_checked(*MIGRATE)

    assert shown.splitlines() == [
        "12 vectors of my-bucket/old would go to my-bucket/new",
        "namespaces: ns0 4, ns1 4, ns2 4",
        "statuses: active 6, deleting 6",
        """author: 12 strings become objects, for example '{"name": "Ada", "born": 0}'""",
        "Nothing was written. Add --yes to write; --keep KEY keeps strings of your own.",
    ]
    assert [i["name"] for i in tool.read_json("indexes", "list", *tool.LOCAL)] == ["old"]
    assert tool.read_json(*MIGRATE)["objects"] == {"author": 12}


def test_keys_vectors_namespaces_and_statuses_stay(old):
    """Objects are objects again, and the source is unchanged."""
    before = tool.read_contents(old)

    report = tool.read_json(*MIGRATE, "--yes")
    again = tool.read_json(*MIGRATE, "--yes")

    new = providers.create_provider("new", s3vectors_endpoint_url="local:data")
    assert (report["written"], again["written"], again["unchanged"]) == (12, 0, 12)
    assert tool.read_contents(old) == before
    rows = {row["id"]: row for row in new.scan_by_metadata()}
    assert {key: row["author"] for key, row in rows.items()} == {
        f"k{n}": {"name": "Ada", "born": n} for n in range(12)
    }
    for key, vector in tool.read_contents(new).items():
        assert vector["data"] == before[key]["data"]
        for name in ("text", "namespace", "status", "page"):
            assert vector["metadata"][name] == before[key]["metadata"][name]


def new():
    return providers.create_provider("new", s3vectors_endpoint_url="local:data")


@pytest.fixture
def cut_over(old):
    """Create both as after the move: one chunk trashed, one deleted, one edited, one new."""
    tool.run_checked(*MIGRATE, "--yes")
    ours = new()
    ours.update_status(["k0"], "ns0", "deleting")
    ours.delete(["k1"])
    ours.insert([[1.0] * 4], ["edited"], [{"page": 2}], ["k2"], namespace="ns2")
    ours.insert([[1.0] * 4], ["later"], [{}], ["later"])
    return old


@pytest.mark.usefixtures("cut_over")
def test_a_run_after_the_move_changes_nothing():
    """Differing or missing vectors may be newer: they are counted and named."""
    before = tool.read_contents(new())

    result = tool.run(*MIGRATE, "--yes")

    assert result.exit_code == 1
    assert tool.read_contents(new()) == before
    text = " ".join(result.stderr.split())
    assert "Compared with the source, 9 are equal, 2 differ (k0, k2), 1 are missing" in text
    assert "1 are missing (k1), 1 are only in the destination (later). Nothing was written" in text


@pytest.mark.usefixtures("cut_over")
def test_resume_stores_missing_vectors_and_replaces_none():
    """The option allows it."""
    before = tool.read_contents(new())

    report = tool.read_json(*MIGRATE, "--yes", "--resume")

    assert (
        report["written"],
        report["unchanged"],
        report["different"],
        report["onlyInDestination"],
    ) == (
        1,
        9,
        2,
        1,
    )
    after = tool.read_contents(new())
    assert after.keys() - before.keys() == {"k1"}
    assert {key: after[key] for key in before} == before


def test_the_last_run_before_the_move_replaces_changed_vectors(old):
    """With --replace; vectors that were deleted in the source are named."""
    tool.run_checked(*MIGRATE, "--yes")
    old.update_status(["k0"], "ns0", "deleting")
    old.delete(["k1"])

    shown = tool.run_checked(*MIGRATE, "--yes", "--replace")

    assert "1 vectors written, 10 already present; all 11 verified" in shown
    assert "1 vectors are only in the destination: k1" in shown
    assert new().get_by_ids(["k0"])[0]["status"] == "deleting"


def test_resume_completes_an_interrupted_run(old):
    """The tool cannot tell missing vectors from deleted ones, so it needs --resume."""
    tool.run_checked(*MIGRATE, "--yes")
    new().delete([f"k{n}" for n in range(5)])

    assert "5 are missing (k0" in " ".join(tool.run(*MIGRATE, "--yes").stderr.split())
    assert tool.read_json(*MIGRATE, "--yes", "--resume")["written"] == 5
    assert tool.read_json(*MIGRATE, "--yes")["written"] == 0
    assert tool.run(*MIGRATE, "--yes", "--resume", "--replace").exit_code == 2


def test_a_destination_that_cannot_hold_objects_is_refused(old):
    """For example another index of the older package, before anything is written."""
    other = providers.create_provider("new", s3vectors_endpoint_url="local:data")
    names = {"vectorBucketName": "my-bucket", "indexName": "new"}
    other.client.create_index(
        **names,
        dataType="float32",
        dimension=4,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
    )

    result = tool.run(*MIGRATE, "--yes")

    assert result.exit_code == 2
    assert "lacks the non-filterable keys _overflow" in result.stderr


def test_a_vector_that_cannot_be_migrated_is_named_and_others_are(old):
    """Exit status 1, because the copy is not complete."""
    names = {"vectorBucketName": "my-bucket", "indexName": "old"}
    huge = {"text": "x" * 40_905, "namespace": "n", "status": "active"}
    old.client.put_vectors(
        **names, vectors=[{"key": "huge", "data": {"float32": [1.0] * 4}, "metadata": huge}]
    )

    dry, wet = tool.run(*MIGRATE), tool.run(*MIGRATE, "--yes")

    assert "huge cannot be migrated" in dry.stdout
    assert wet.exit_code == 1
    assert "1 vectors were left out" in wet.stderr
    assert (
        len(
            tool.read_contents(
                providers.create_provider("new", s3vectors_endpoint_url="local:data")
            )
        )
        == 12
    )


def test_an_index_of_all_kinds_is_divided():
    """Summaries and insights by their type; any other vector is a document's."""
    provider = providers.create_provider("old", s3vectors_endpoint_url="local:data")
    providers.create_older_index(provider)
    kinds = {
        "a": {},
        "b": {"_type": "chunk"},
        "s": {"_type": "document_summary"},
        "i": {"_type": "insight"},
    }
    provider.insert(providers.create_vectors(4), ["t"] * 4, list(kinds.values()), list(kinds))

    for kind, keys in (("documents", {"a", "b"}), ("summaries", {"s"}), ("insights", {"i"})):
        command = ("migrate", "old", kind, *tool.LOCAL, "--kind", kind)
        assert tool.read_json(*command)["vectors"] == len(keys)
        tool.run_checked(*command, "--yes")
        index = providers.create_provider(kind, s3vectors_endpoint_url="local:data")
        assert tool.read_contents(index).keys() == keys


def test_the_preview_names_lists_that_searches_will_not_find(old):
    """S3 Vectors does not store lists of strings and objects."""
    old.insert(
        [[1.0] * 4],
        ["t"],
        [{"headings": ["Introduction", '{"level": 2}']}],
        ["list"],
        namespace="n",
    )

    report = tool.read_json(*MIGRATE)

    assert report["listsWithObjects"] == {"headings": 1}
    shown = " ".join(tool.run_checked(*MIGRATE).split())
    assert "headings: objects are restored in 1 lists; filters no longer match the" in shown


def test_a_metadata_key_cannot_control_the_terminal(old):
    """The older package stored any key."""
    names = {"vectorBucketName": "my-bucket", "indexName": "old"}
    metadata = {"text": "t", "namespace": "n", "status": "active"}
    hostile = {"\x1b[2Jobject": '{"a": 1}', "\x1b[2Jlist": ["a", '{"a": 1}']}
    vector = {"key": "hostile", "data": {"float32": [1.0] * 4}, "metadata": metadata | hostile}
    old.client.put_vectors(**names, vectors=[vector])

    shown = tool.run_checked(*MIGRATE)

    assert "\x1b" not in shown
    assert "\\x1b[2Jobject: 1 strings become objects" in shown
