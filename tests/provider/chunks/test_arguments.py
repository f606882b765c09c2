"""Arguments of Stache, notebooks and scripts: numpy's numbers, generators, None, unusual types."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import pytest

from stache_ai_s3vectors import (
    AccessDeniedError,
    InvalidInputError,
    PartialWriteError,
    S3VectorsError,
    Settings,
    UnavailableError,
    errors,
)
from stache_ai_s3vectors.chunks.metadata_values import DEPTH
from stache_ai_s3vectors.operations import search
from support import providers

VECTOR = [1.0, 2.0, 3.0, 4.0]


@pytest.fixture
def provider():
    """A provider with three chunks."""
    provider = providers.create_provider()
    provider.insert(
        providers.create_vectors(3), ["a", "b", "c"], [{"n": n} for n in range(3)], ["a", "b", "c"]
    )
    return provider


def generate():
    yield VECTOR


WRONG = {
    "vectors": ("vectors", lambda p, x: p.insert(x, ["t"])),
    "texts": ("texts", lambda p, x: p.insert([VECTOR], x)),
    "ids": ("ids", lambda p, x: p.insert([VECTOR], ["t"], ids=x)),
    "query_vector": ("query_vector", lambda p, x: p.search(x)),
    "query_vector of summaries": ("query_vector", lambda p, x: p.search_summaries(x)),
    "ids to get": ("ids", lambda p, x: p.get_by_ids(x)),
    "ids of vectors": ("ids", lambda p, x: p.get_vectors_with_embeddings(x)),
    "ids to update": ("ids", lambda p, x: p.update_status(x, None, "deleting")),
    "ids to delete": ("ids", lambda p, x: p.delete(x)),
    "field": ("field", lambda p, x: p.delete_by_metadata(x, "a")),
}


ODD = {
    "None": None,
    "number": 7,
    "text": "abc",
    "bytes": b"abc",
    "dictionary": {"a": 1},
    "object": object(),
    "generator": generate,
    "scalar": np.array(1.0),
}
RIGHT = {("ids", "None"), ("field", "text")}


@pytest.mark.parametrize(
    "argument, odd", [(a, o) for a in WRONG for o in ODD if (a, o) not in RIGHT]
)
def test_the_error_names_an_argument_of_the_wrong_type(provider, argument, odd):
    """The error is not Python's own; nothing is stored or deleted."""
    name, call = WRONG[argument]
    value = generate() if odd == "generator" else ODD[odd]

    with pytest.raises(InvalidInputError) as refused:
        call(provider, value)

    text = str(refused.value)
    assert text.startswith(name) or (argument == "ids to delete" and "either ids" in text)
    assert provider.count_by_filter({}) == 3


@pytest.mark.parametrize("limit", [None, 0, -1, 1.5, "1", True, [1]])
def test_a_limit_is_a_positive_number(provider, limit):
    """It is 1 or more."""
    with pytest.raises(InvalidInputError, match="limit is .*; it must be 1 or more"):
        provider.list_by_filter({}, limit=limit)


@pytest.mark.parametrize("top_k", [None, 0, -1, 1.5, "1", True, [1]])
def test_top_k_is_a_positive_number(provider, top_k):
    """It is 1 to 10,000."""
    with pytest.raises(InvalidInputError, match="top_k is .*; it must be 1 to 10000"):
        provider.search(VECTOR, top_k)


@pytest.mark.parametrize("fields", ["text", 7, [1], {"text": 1}])
@pytest.mark.parametrize("call", ["get_by_ids", "list_by_filter", "scan_by_metadata"])
def test_fields_are_a_list_of_keys(provider, call, fields):
    """A string would be a key for each letter."""
    calls = {
        "get_by_ids": lambda: provider.get_by_ids(["a"], fields=fields),
        "list_by_filter": lambda: provider.list_by_filter({}, fields=fields),
        "scan_by_metadata": lambda: provider.scan_by_metadata(fields=fields),
    }

    with pytest.raises(InvalidInputError, match="fields"):
        calls[call]()


@pytest.mark.parametrize("ids", [{"a", "b"}, ("a", "b"), {"a": 1, "b": 2}.keys(), np.array(["a"])])
def test_ids_to_read_and_delete_can_be_any_collection(provider, ids):
    """It can be a set, a tuple or the keys of a dictionary."""
    assert {row["id"] for row in provider.get_by_ids(ids)} == {*map(str, ids)}
    assert provider.delete(ids)


@pytest.mark.parametrize("name", ["vectors", "texts", "metadatas", "ids"])
def test_parallel_lists_of_an_insert_cannot_be_sets(provider, name):
    """A set has no order."""
    arguments = {"vectors": [VECTOR], "texts": ["t"], "metadatas": [{}], "ids": ["x"]}
    odd = {"vectors": {(1.0, 2.0, 3.0, 4.0)}, "texts": {"t"}, "metadatas": {()}, "ids": {"x"}}

    with pytest.raises(InvalidInputError, match=f"{name} is .*it must be a list"):
        provider.insert(**{**arguments, name: odd[name]})


def test_numpys_numbers_are_accepted_wherever_a_number_is(provider):
    """Pandas and numpy return them."""
    metadata = {
        "integer": np.int64(7),
        "float": np.float32(0.5),
        "double": np.float64(0.1),
        "flag": np.bool_(1),
        "list": [np.int32(1), np.uint8(2)],
        "nested": {"a": [np.int64(1), None]},
        "text_like": np.str_("s"),
    }
    [id_] = provider.insert([VECTOR], ["t"], [metadata], [np.str_("x")])

    row = provider.get_by_ids([id_])[0]
    assert {key: row[key] for key in metadata} == {
        "integer": 7,
        "float": 0.5,
        "double": 0.1,
        "flag": True,
        "list": [1, 2],
        "nested": {"a": [1, None]},
        "text_like": "s",
    }
    assert type(row["integer"]) is int
    assert type(row["flag"]) is bool
    assert len(provider.search(VECTOR, np.int64(2))) == 2
    assert len(provider.list_by_filter({}, limit=np.int32(2))) == 2
    assert provider.count_by_filter({"integer": np.int64(7)}) == 1
    assert len(provider.search(VECTOR, filter={"n": {"$gte": np.float32(1)}})) == 2
    assert provider.count_by_filter({"n": [np.int64(0), np.int16(1)]}) == 2
    assert provider.delete_by_metadata("integer", np.int64(7))["deleted"] == 1


def test_top_k_above_the_services_maximum_is_lowered_to_it(provider, caplog):
    """Stache's rerank multiplies top_k by three; the limit is logged once."""
    search._warn_once.cache_clear()
    seen = []
    provider.client.meta.events.register(
        "provide-client-params.s3vectors.QueryVectors",
        lambda params, **_: seen.append(params["topK"]),
    )

    for top_k in (10_000, 10_001, 30_000):
        assert len(provider.search(VECTOR, top_k)) == 3

    assert seen == [10_000] * 3
    assert caplog.text.count("asked for more than 10,000 results") == 1
    assert "it gets the first 10,000 (logged once)" in caplog.text


@pytest.mark.parametrize(
    "metadata, namespace, named",
    [
        ({"text": "another"}, "ns", "text"),
        ({"text": 7, "namespace": "other"}, "ns", "namespace, text"),
        ({"text": "t", "namespace": "ns"}, "ns", None),
        ({"text": None, "namespace": None}, "ns", None),
        ({"namespace": "ns"}, None, None),
    ],
)
def test_the_log_names_metadata_that_an_argument_replaces_once(
    provider, caplog, metadata, namespace, named
):
    """That metadata is not stored; two chunks cause one warning."""
    provider.insert([VECTOR] * 2, ["t"] * 2, [metadata] * 2, namespace=namespace)

    warnings = [r.getMessage() for r in caplog.records if "replace" in r.getMessage()]
    assert len(warnings) == (named is not None)
    assert named is None or warnings[0].endswith(f": {named}")


def nest(levels):
    """Nest a value in a number of lists or objects."""
    value = 1
    for _ in range(levels):
        value = [value] if levels % 2 else {"a": value}
    return value


@pytest.mark.parametrize("more", [1, 2, 900, 100_000])
def test_metadata_that_is_nested_too_deeply_is_refused(provider, more):
    """A search that returns it would fail, so it is not stored."""
    with pytest.raises(InvalidInputError, match=f"metadata 'a' has more than {DEPTH} levels"):
        provider.insert([VECTOR], ["t"], [{"a": nest(DEPTH + more)}])


@pytest.mark.parametrize("levels", [DEPTH - 1, DEPTH])
def test_metadata_at_the_limit_of_nesting_is_returned_unchanged(provider, levels):
    """The limit itself is allowed."""
    [id_] = provider.insert([VECTOR], ["t"], [{"a": nest(levels)}])

    assert provider.get_by_ids([id_])[0]["a"] == nest(levels)


@pytest.mark.parametrize("endpoint", ["local:", "local:data", "http://127.0.0.1:1"])
def test_a_provider_can_be_pickled_and_copied_at_any_time(endpoint):
    """This holds before and after its first call; the copy has the same settings."""
    provider = providers.create_provider(s3vectors_endpoint_url=endpoint, s3vectors_retry_seconds=0)
    for _ in range(2):
        copies = [
            pickle.loads(pickle.dumps(provider)),
            copy.copy(provider),
            copy.deepcopy(provider),
        ]
        for one in copies:
            assert (one.bucket_name, one.index_name, one.dimensions) == (
                "my-bucket",
                "documents",
                4,
            )
            assert one._options == provider._options
            assert isinstance(one.settings, Settings)
        if endpoint.startswith("local:"):
            provider.insert([VECTOR], ["t"])
            assert copies[0].count_by_filter({}) == copies[2].count_by_filter({})
        else:
            assert provider.client is copies[0].client


def test_errors_keep_all_their_fields_when_they_are_pickled():
    """Worker processes pass them to each other."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) >= 8
    for kind in kinds:
        if not issubclass(kind, S3VectorsError):
            continue
        partial = {"done": ["a"], "missing": ["b"]} if kind is PartialWriteError else {}
        error = kind("the text", **partial)
        error.remedy = "the remedy"
        error.nothing_done = error.about_credentials = True

        again = pickle.loads(pickle.dumps(error))

        assert type(again) is kind
        assert str(again) == "the text"
        assert vars(again) == vars(error)
        assert copy.copy(error).remedy == "the remedy"


def test_an_error_of_a_real_call_keeps_its_fields_when_it_is_pickled():
    """The call fails in part."""
    provider = providers.create_provider()
    providers.fail_calls(provider.client, "PutVectors", 2)

    with pytest.raises(PartialWriteError) as failed:
        provider.insert([VECTOR] * 1500, ["t"] * 1500, ids=[str(n) for n in range(1500)])

    again = pickle.loads(pickle.dumps(failed.value))
    assert (again.done, again.missing) == (failed.value.done, failed.value.missing)
    assert again.remedy == failed.value.remedy != ""
    assert isinstance(failed.value.__cause__, UnavailableError)
    assert not isinstance(again, AccessDeniedError)


def test_the_log_of_a_call_is_one_line_for_any_index_name(caplog):
    """A name may come from a form."""
    provider = providers.create_provider("doc\numents")
    caplog.set_level(logging.DEBUG, "stache_ai_s3vectors")

    with pytest.raises(S3VectorsError):
        provider.search(VECTOR)

    assert all("\n" not in record.getMessage() for record in caplog.records)


def build_circle():
    """Build two objects that refer to each other."""
    parent = {"name": "a"}
    parent["children"] = [{"parent": parent}, {"parent": parent}]
    return parent


def build_shared_lists(levels):
    """Build lists that hold the one before twice: small in memory, endless to read."""
    value = [1]
    for _ in range(levels):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "value", [build_circle(), build_shared_lists(40)], ids=["circle", "shared"]
)
def test_metadata_that_contains_itself_is_refused_at_once(provider, value):
    """It would otherwise be copied forever."""
    with pytest.raises(InvalidInputError, match="metadata 'a' has more than"):
        provider.insert([VECTOR], ["t"], [{"a": value}])


@pytest.mark.parametrize("value", [{"$exists": False}, ["a"], None, {}, ()])
def test_the_value_to_delete_by_cannot_be_a_condition(provider, value):
    """A condition would delete what nobody named."""
    with pytest.raises(InvalidInputError, match="value is .*; it must be a string, a number"):
        provider.delete_by_metadata("n", value)

    assert provider.count_by_filter({}) == 3


def test_a_limit_can_be_any_large_number(provider):
    """It may be more than 64 bits long."""
    assert len(provider.list_by_filter({}, limit=10**30)) == 3
    assert len(provider.search(VECTOR, 10**30)) == 3


@pytest.mark.parametrize("size", [0, 5000])
def test_the_error_about_an_impossible_dimension_proposes_no_setting(provider, size):
    """This holds for inserts and searches."""
    for call in (
        lambda: provider.insert([[1.0] * size], ["t"]),
        lambda: provider.search([1.0] * size),
    ):
        with pytest.raises(InvalidInputError, match=f"has {size} dimensions; S3 Vectors takes 1"):
            call()


@pytest.mark.parametrize(
    "arguments",
    [
        {"vectors": [VECTOR, [1.0, 2.0]]},
        {"vectors": [VECTOR, [1.0, 2.0, 3.0, float("nan")]]},
        {"metadatas": [{}, {"a": {1}}]},
        {"texts": ["a", None]},
    ],
)
def test_refused_input_creates_no_index(arguments):
    """It creates no bucket either."""
    provider = providers.create_provider()
    good = {"vectors": [VECTOR] * 2, "texts": ["a", "b"], "metadatas": [{}, {}]}

    with pytest.raises(InvalidInputError, match="item 1"):
        provider.insert(**{**good, **arguments})

    assert provider.client.list_vector_buckets()["vectorBuckets"] == []


def test_input_that_is_refused_while_it_is_encoded_is_neither_logged_nor_deleted(provider, caplog):
    """Only the encoder sees that True is not a number; nothing was sent."""
    seen = providers.record_calls(provider.client)

    with pytest.raises(InvalidInputError, match="contains True"):
        provider.insert([VECTOR, [True, 2.0, 3.0, 4.0]], ["t"] * 2)

    assert seen == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
