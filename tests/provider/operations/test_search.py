"""search and search_summaries: the results, their order and their scores."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import ConfigurationError, InvalidInputError
from support import providers

QUESTION = [1.0, 0.0, 0.5, 0.25]
GONE = ["deleting", "purging", "purged"]


@pytest.fixture
def provider():
    return providers.create_provider()


def get_texts(results):
    return [result["text"] for result in results]


def test_the_nearest_results_come_first_with_scores_from_1_down(provider):
    """The score is the cosine."""
    provider.insert(providers.create_vectors(3), ["a", "b", "c"])

    results = provider.search(QUESTION, top_k=2)

    assert get_texts(results) == ["a", "b"]
    assert results[0]["score"] == pytest.approx(1)
    assert 0 < results[1]["score"] < 1


def test_a_score_is_never_below_zero(provider):
    """The API promises 0 to 1; opposite directions have a cosine of -1."""
    provider.insert([[-1, 0, -0.5, -0.25]], ["opposite"])

    assert provider.search(QUESTION)[0]["score"] == 0


def test_under_euclidean_distance_the_score_is_its_inverse(provider):
    """The score is 1 / (1 + d), by the metric that the response names."""
    providers.create_older_index(provider, "euclidean")
    provider.insert([[0, 0, 0, 0], [3, 4, 0, 0]], ["near", "far"])

    results = provider.search([0, 0, 0, 0])
    query = {"topK": 2, "queryVector": {"float32": [0, 0, 0, 0]}, "returnDistance": True}
    names = {"vectorBucketName": provider.bucket_name, "indexName": provider.index_name}
    distances = [v["distance"] for v in provider.client.query_vectors(**names, **query)["vectors"]]

    assert distances[1] in (5, 25)  # the distance, or its square
    assert [(r["text"], r["score"]) for r in results] == [
        ("near", 1),
        ("far", pytest.approx(1 / (1 + distances[1]))),
    ]


def test_soft_deleted_chunks_and_summaries_do_not_count_towards_top_k(provider):
    """The filter in the request excludes them."""
    gone = [{"status": status} for status in ("deleting", "purging", "purged")]
    metadatas = [*gone, {"_type": "document_summary"}, {"_type": "insight"}, {}]
    provider.insert(providers.create_vectors(6), [*"abc", "summary", "insight", "chunk"], metadatas)

    assert get_texts(provider.search(QUESTION, top_k=2)) == ["insight", "chunk"]


def test_filters_use_documented_behavior_only(provider):
    """AWS does not say what `$ne` does on a missing key, so `$exists` is always in the filter."""
    provider.insert([QUESTION], ["a"])
    requests = []
    provider.client.meta.events.register(
        "provide-client-params.s3vectors.QueryVectors", lambda params, **_: requests.append(params)
    )

    provider.search(QUESTION)

    assert requests[0]["filter"] == {
        "$and": [
            {"$or": [{"status": {"$exists": False}}, {"status": {"$nin": GONE}}]},
            {
                "$or": [
                    {"_type": {"$exists": False}},
                    {"_type": {"$ne": "document_summary"}},
                ]
            },
        ]
    }


def test_vectors_without_a_status_are_returned(provider):
    """The first packages or other tools wrote them."""
    provider.get_collection_info()
    provider.client.put_vectors(
        vectorBucketName="my-bucket",
        indexName="documents",
        vectors=[{"key": "old", "data": {"float32": QUESTION}, "metadata": {"text": "old"}}],
    )

    [result] = provider.search(QUESTION)

    assert (result["id"], result["text"], result["namespace"]) == ("old", "old", "")


NAMESPACES = ["books", "books/a", "books/a/b", "bookshelf", "books2", "other"]


@pytest.fixture
def namespaces(provider):
    """One chunk in each of six namespaces; its text is the namespace."""
    for name, vector in zip(NAMESPACES, providers.create_vectors(6), strict=True):
        provider.insert([vector], [name], namespace=name)


@pytest.mark.parametrize(
    "namespace, expected",
    [
        (None, ["books", "books/a", "books/a/b", "bookshelf", "books2", "other"]),
        ("books", ["books"]),
        ("exact:books", ["books"]),
        ("books/*", ["books", "books/a", "books/a/b"]),
        ("books/a/*", ["books/a", "books/a/b"]),
        ("exact:books/*", []),
        ("none/*", []),
    ],
)
@pytest.mark.usefixtures("namespaces")
def test_a_namespace_is_exact_or_with_its_children(provider, namespace, expected):
    """It means the same in `search` and `search_summaries`."""
    assert get_texts(provider.search(QUESTION, 10, namespace=namespace)) == expected

    for number, name in enumerate(NAMESPACES):
        provider.insert(
            [[1, number, 0.5, 0.25]], [name], [{"_type": "document_summary"}], namespace=name
        )
    assert get_texts(provider.search_summaries(QUESTION, 10, namespace=namespace)) == expected


@pytest.mark.usefixtures("namespaces")
def test_a_rare_namespace_is_searched_despite_many_nearer_chunks(provider):
    """The namespace is in the filter, not applied to the first few results."""
    provider.insert([QUESTION] * 50, ["nearer"] * 50, namespace="crowd")

    assert get_texts(provider.search(QUESTION, 1, namespace="books/a/*")) == ["books/a"]


@pytest.mark.usefixtures("namespaces")
def test_the_filter_cannot_widen_the_namespace(provider):
    """Both must match."""
    assert provider.search(QUESTION, filter={"namespace": "other"}, namespace="books") == []


@pytest.mark.parametrize(
    "condition, expected",
    [
        ({"doc": "x", "page": 1}, ["a"]),
        ({"page": [1, 3]}, ["a", "c"]),
        ({"page": (1, 3)}, ["a", "c"]),
        ({"page": {"$gte": 2, "$lt": 4}}, ["b", "c"]),
        ({"doc": {"$ne": "x"}, "page": {"$exists": True}}, ["c"]),
        ({"$or": [{"page": 1}, {"doc": "y", "page": 3}]}, ["a", "c"]),
        ({"doc": {"$startsWith": "x"}}, ["a", "b"]),
        ({}, ["a", "b", "c"]),
        (None, ["a", "b", "c"]),
    ],
)
def test_filters_have_the_syntax_of_mongodb(provider, condition, expected):
    """Several keys, lists and operators become what the service accepts."""
    metadatas = [{"doc": "x", "page": 1}, {"doc": "x", "page": 2}, {"doc": "y", "page": 3}]
    provider.insert(providers.create_vectors(3), ["a", "b", "c"], metadatas)

    assert get_texts(provider.search(QUESTION, filter=condition)) == expected


@pytest.mark.parametrize(
    "condition, problem",
    [
        ({"a": None}, r"the filter on 'a' compares with None; \$eq takes .*'\$exists': False"),
        ({"a": []}, r"the filter on 'a' compares with \[\]; \$in takes a non-empty list"),
        ({"a": {}}, "the filter on 'a' is empty"),
        (
            {"a": {"$regex": "x"}},
            r"filter operator '\$regex' on 'a' does not exist; use one of \$eq",
        ),
        ({"a": {"$gt": "x"}}, r"\$gt takes a finite number"),
        ({"a": float("nan")}, r"the filter on 'a' compares with nan; \$eq takes"),
        ({"a": {"$lt": float("inf")}}, r"\$lt takes a finite number"),
        ({"a": [10**400]}, r"\$in takes a non-empty list of"),
        ({"a": "\ud800"}, r"\$eq takes a string"),
        ({"$not": {"a": 1}}, r"filter operator '\$not' is not allowed at this place"),
        ({"$and": []}, r"\$and in a filter takes a non-empty list"),
        ({"$or": [{}]}, r"\$or in a filter has an empty filter"),
        ({"text": "x"}, "the filter uses text, which the index declares non-filterable"),
        ("a = 1", "the filter is 'a = 1', not a dictionary"),
    ],
)
def test_a_bad_filter_is_refused_before_it_is_sent(provider, condition, problem):
    """The error says what is wrong, where the service says only "Invalid filter"."""
    provider.insert([QUESTION], ["a"])
    seen = providers.record_calls(provider.client)

    with pytest.raises(InvalidInputError, match=problem):
        provider.search(QUESTION, filter=condition)

    assert seen == []


@pytest.mark.parametrize(
    "vector, top_k, problem",
    [
        ([1, 2], 5, "the vector has 2 dimensions, the index has 4"),
        ([0, 0, 0, 0], 5, "the vector is all zeros"),
        (QUESTION, 0, "top_k is 0; it must be 1 to 10000"),
        (QUESTION, True, "top_k is True"),
        (QUESTION, "5", "top_k is '5'"),
    ],
)
def test_a_bad_query_is_refused_before_it_is_sent(provider, vector, top_k, problem):
    """The error names the argument, its value and what is allowed."""
    provider.insert([QUESTION], ["a"])

    with pytest.raises(InvalidInputError, match=problem):
        provider.search(vector, top_k)


def test_top_k_can_be_more_than_a_page(provider):
    """The provider reads as many pages of 100 as it needs."""
    provider.insert(providers.create_vectors(350), [str(n) for n in range(350)])

    results = provider.search(QUESTION, top_k=333)

    assert get_texts(results) == [str(n) for n in range(333)]


def test_top_k_can_be_the_services_maximum(provider):
    """It is 10,000, in pages of 100."""
    provider.insert([QUESTION] * 1234, ["t"] * 1234)
    seen = providers.record_calls(provider.client)

    assert len(provider.search(QUESTION, top_k=10_000)) == 1234
    assert seen == ["QueryVectors"] * 13


def test_a_classic_index_is_filtered_before_the_search(provider):
    """Buckets from before 2026-09-30 are CLASSIC; `name/*` needs ENHANCED mode in them."""
    providers.open_engine("local:classic", bucket_mode="classic")
    classic = providers.create_provider(s3vectors_endpoint_url="local:classic")
    requests = []
    for one in (provider, classic):
        one.insert([QUESTION], ["a"], namespace="ns/child")
        one.client.meta.events.register(
            "provide-client-params.s3vectors.QueryVectors",
            lambda params, **_: requests.append(params),
        )
        assert get_texts(one.search(QUESTION, namespace="ns/*")) == ["a"]

    assert [request.get("queryMode") for request in requests] == [None, "ENHANCED"]


def test_a_classic_index_takes_more_than_100_values_in_a_filter(provider):
    """The limit is that of ENHANCED mode; `name/*` needs that mode and so has the limit."""
    providers.open_engine("local:classic", bucket_mode="classic")
    classic = providers.create_provider(s3vectors_endpoint_url="local:classic")
    many = {"n": list(range(500))}
    for one in (provider, classic):
        one.insert([QUESTION] * 2, ["a", "b"], [{"n": 7}, {"n": 700}])

    assert get_texts(classic.search(QUESTION, filter=many)) == ["a"]
    assert get_texts(classic.search(QUESTION, filter=many, namespace="default")) == ["a"]
    for one, namespace in ((provider, None), (classic, "default/*")):
        with pytest.raises(InvalidInputError, match="compares with 50. values.*takes 100"):
            one.search(QUESTION, filter=many, namespace=namespace)


def test_only_search_summaries_returns_summaries(provider):
    """It returns active ones, with what Stache's document discovery reads."""
    summary = {"_type": "document_summary", "doc_id": "d", "headings": ["h"], "chunk_count": 3}
    provider.insert(
        providers.create_vectors(3),
        ["chunk", "gone", "sum"],
        [{}, {**summary, "status": "deleting"}, summary],
    )

    [result] = provider.search_summaries(QUESTION)

    assert result["text"] == "sum"
    assert result["metadata"].items() >= summary.items()


def test_the_error_about_a_wrong_dimension_names_the_setting_to_change(provider):
    """It is raised before anything is written to the wrong index."""
    provider.insert([QUESTION], ["a"])
    other = providers.create_provider(embedding_dimension=1024)

    with pytest.raises(ConfigurationError, match=r"has 4 dim.*say 1024: set EMBEDDING_DIMENSION=4"):
        other.search([1.0] * 1024)
    with pytest.raises(ConfigurationError, match=r"has 4 dim.*say 1024: set EMBEDDING_DIMENSION=4"):
        other.insert([[1.0] * 1024], ["t"])


@pytest.mark.parametrize("status", ["open", "Deleting", "deleted", "trash", "", "aktiv"])
def test_chunks_with_the_users_own_status_are_returned(provider, status):
    """Searches, lists and counts include them, as in Stache's other providers."""
    provider.insert([QUESTION], ["t"], [{"status": status}], ["a"])
    summary = {"_type": "document_summary", "status": status}
    provider.insert([QUESTION], ["s"], [summary], ["b"])

    assert get_texts(provider.search(QUESTION)) == ["t"]
    assert get_texts(provider.search_summaries(QUESTION)) == ["s"]
    assert provider.count_by_filter({}) == 2
    assert [row["status"] for row in provider.list_by_filter({})] == [status] * 2
    assert len(provider.search(QUESTION, filter={"status": status})) == 1


@pytest.mark.parametrize("status", GONE)
def test_only_soft_deleted_chunks_are_left_out(provider, status):
    """Stache or the user's metadata sets the status; a filter that names it includes them."""
    provider.insert([QUESTION] * 2, ["t"] * 2, [{}, {"status": status}], ["a", "b"])
    provider.update_status(["a"], None, status)

    assert provider.search(QUESTION) == []
    assert provider.count_by_filter({}) == 0
    assert provider.list_by_filter({}) == []
    assert provider.count_by_filter({"status": status}) == 2


def test_after_trash_and_restore_the_users_own_status_is_active(provider):
    """Stache sets the status both times, as the documents say."""
    provider.insert([QUESTION], ["t"], [{"status": "open"}], ["a"], namespace="ns")

    provider.update_status(["a"], "ns", "deleting")
    assert provider.search(QUESTION) == []
    provider.update_status(["a"], "ns", "active")

    assert provider.search(QUESTION)[0]["metadata"]["status"] == "active"


def test_a_search_during_writes_returns_each_vector_once_best_first(provider):
    """Each page shows the ranking at the time of its request."""
    ids = [str(n) for n in range(1500)]
    provider.insert(providers.create_vectors(1500), ids, ids=ids)
    writer = providers.create_provider(s3vectors_retry_seconds=1)  # a client of its own
    pages = []

    def write(parsed, **_):
        pages.append([vector["key"] for vector in parsed["vectors"]])
        writer.insert([QUESTION], ["near"], ids=[ids[-len(pages)]])

    provider.client.meta.events.register("after-call.s3vectors.QueryVectors", write)

    results = provider.search(QUESTION, top_k=1000)

    seen = [key for page in pages for key in page]
    assert len({*seen}) < len(seen)  # the pages have duplicates
    assert len({result["id"] for result in results}) == len(results) == 1000
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)


def test_a_vector_that_moves_between_pages_has_its_last_score(provider):
    """That score is of what is stored now."""
    provider.insert(
        providers.create_vectors(150), [str(n) for n in range(150)], ids=[*map(str, range(150))]
    )
    writer = providers.create_provider(s3vectors_retry_seconds=1)
    moved = []

    def move(**_):
        if not moved:
            moved.append(writer.insert([[1.0, 200.0, 0.5, 0.25]], ["0"], ids=["0"]))

    provider.client.meta.events.register("after-call.s3vectors.QueryVectors", move)

    results = provider.search(QUESTION, top_k=150)

    assert [result["id"] for result in results].count("0") == 1
    assert results[-1]["id"] == "0"
