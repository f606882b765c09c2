"""The console's jobs: counting, browsing, querying, and explaining a vector's rank."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest

from console_client import (
    NAMES,
    PAGE,
    create_index,
    put_vectors,
    read_stream,
    run_failing_job,
    run_job,
    send_request,
)
from s3vectors_local import Engine, serving
from s3vectors_local.choices import Choices
from s3vectors_local.console.jobs import JOBS
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.steps import report
from s3vectors_local.iam import Policies

COUNT = 20_000
TEXTS = {
    "nonFilterableMetadataKeys": ["text"],
    "textSearchConfigurations": [{"metadataKey": "text"}],
}
VECTORS = np.random.default_rng(7).normal(size=(COUNT, 4)).astype(np.float32)


def make_key(number):
    """Return the key of a vector; keys are not in the order of insertion."""
    return f"doc-{number % 7}/{number:05d}"


@pytest.fixture(scope="module")
def engine():
    """Return an engine with 20,000 vectors, every tenth of which is a note."""
    with Engine() as engine:
        create_index(engine, 4, metadataConfiguration=TEXTS)
        put_vectors(
            engine,
            [
                (
                    make_key(n),
                    VECTORS[n],
                    {
                        "n": n,
                        "kind": "note" if n % 10 == 0 else "page",
                        "text": f"words about {n}" + (" zebra" if n % 5000 == 3 else ""),
                        **({"tags": ["a", "b"]} if n % 100 == 0 else {}),
                    },
                )
                for n in range(COUNT)
            ],
        )
        yield engine


@pytest.fixture(scope="module")
def url(engine):
    """Serve the engine."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


@pytest.fixture
def one_vector():
    """Serve an engine with one vector; return the URL and the engine."""
    with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine, metadataConfiguration=TEXTS)
        put_vectors(engine, [("only", [1, 0], {"text": "one word", "n": 1})])
        yield url, engine


def browse_all(url, **members):
    """Return the vectors of all pages."""
    cursor, vectors = None, []
    while True:
        page = run_job(url, "browse", cursor=cursor, **members)
        vectors += page["vectors"]
        cursor = page["cursor"]
        if cursor is None:
            return vectors


def test_vectors_are_counted(url, one_vector):
    """The job reports its progress."""
    lines = read_stream(url, "/console/api/stream/count", json.dumps(PAGE).encode())

    assert lines[-1] == {"result": {"count": COUNT}}
    assert lines[0]["progress"] == {"phase": "counting", "done": 1000, "total": None}
    assert run_job(one_vector[0], "count") == {"count": 1}


def test_browsing_returns_each_vector_once(url):
    """It returns the metadata, page by page."""
    vectors = browse_all(url, limit=499)

    assert sorted(vector["key"] for vector in vectors) == sorted(map(make_key, range(COUNT)))
    assert vectors[0]["metadata"]["kind"] == "note"


@pytest.mark.parametrize("limit", [7, 33, 500])
def test_a_prefix_and_a_filter_select_vectors(url, limit):
    """Each matching vector is returned once, whatever the page size."""
    members = {"prefix": "doc-3/", "filter": {"kind": "note"}, "limit": limit}

    vectors = browse_all(url, **members)

    expected = [n for n in range(0, COUNT, 10) if n % 7 == 3]
    assert [vector["metadata"]["n"] for vector in vectors] == expected


def test_a_page_ends_when_it_is_full(url):
    """It has the number of examined vectors and a cursor."""
    page = run_job(url, "browse", filter={"n": {"$gte": 19_998}}, limit=1)

    assert [vector["metadata"]["n"] for vector in page["vectors"]] == [19_998]
    assert page["scanned"] == COUNT - 1
    rest = run_job(url, "browse", filter={"n": {"$gte": 19_998}}, limit=1, cursor=page["cursor"])
    assert [vector["metadata"]["n"] for vector in rest["vectors"]] == [19_999]
    assert rest["cursor"] is None


def test_browsing_continues_after_vectors_are_deleted(one_vector):
    """Each remaining vector is returned."""
    url, engine = one_vector
    put_vectors(engine, [(f"k{n}", [n + 1, 1], {"n": n}) for n in range(20)])
    page = run_job(url, "browse", prefix="k", limit=5)
    engine.call("DeleteVectors", {**NAMES, "keys": ["k0", "k1", "k7"]})

    rest = run_job(url, "browse", prefix="k", limit=50, cursor=page["cursor"])

    assert [vector["key"] for vector in page["vectors"]] == ["k0", "k1", "k2", "k3", "k4"]
    assert [v["key"] for v in rest["vectors"]] == ["k5", "k6", *(f"k{n}" for n in range(8, 20))]


def test_an_invalid_filter_has_the_service_s_error(url):
    """It is refused before anything is listed."""
    for document in ({"a": 1, "b": 2}, {"text": "x"}, {"$nor": []}, "text", 5, []):
        assert run_failing_job(url, "browse", filter=document)["message"] == "Invalid filter"


@pytest.mark.parametrize(
    "choices", [Choices(), Choices(missing_key="no-match", array_negation="any-element")]
)
def test_browsing_filters_like_the_engine(choices):
    """Also with alternative behavior that AWS does not document."""
    filters = [
        {"tag": {"$ne": "a"}},
        {"tag": {"$nin": ["a", "c"]}},
        {"$or": [{"tag": "b"}, {"n": {"$lt": 2}}]},
        {"tag": {"$exists": False}},
    ]
    values = ["a", "b", ["a", "b"], ["c"], None]
    with Engine(choices=choices) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put_vectors(
            engine,
            [
                (f"k{n}", [n, 1], {"n": n, **({} if tag is None else {"tag": tag})})
                for n, tag in enumerate(values)
            ],
        )
        for document in filters:
            query = {"queryVector": {"float32": [1, 1]}, "topK": 10, "filter": document}
            expected = engine.call("QueryVectors", {**NAMES, **query})["vectors"]

            page = run_job(url, "browse", filter=document)

            assert {v["key"] for v in page["vectors"]} == {v["key"] for v in expected}


def test_metadata_is_described_by_a_sample(url):
    """It has the keys, their types and frequencies, and some values."""
    described = run_job(url, "metadata")

    assert described["sampled"] == 1000
    keys = {key["name"]: key for key in described["keys"]}
    assert keys["kind"] == {
        "name": "kind",
        "types": ["string"],
        "count": 1000,
        "examples": ["note", "page"],
        "filterable": True,
    }
    assert keys["tags"]["types"] == ["string[]"]
    assert keys["tags"]["count"] == 10
    assert keys["n"]["types"] == ["number"]
    assert keys["text"]["filterable"] is False


def test_a_description_shortens_long_values(one_vector):
    """So a response does not have hundreds of megabytes."""
    url, engine = one_vector
    put_vectors(engine, [("long", [1, 1], {"text": "x" * 40_000})])

    keys = {key["name"]: key for key in run_job(url, "metadata")["keys"]}

    assert keys["text"]["examples"] == ["one word", "x" * 80]


def compute_nearest(vector, count, numbers=None):
    """Compute the numbers of the nearest vectors with numpy."""
    among = np.arange(COUNT) if numbers is None else np.array(numbers)
    rows = VECTORS[among].astype(np.float64)
    query = np.asarray(vector, np.float64)
    cosine = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    return among[np.argsort(-cosine, kind="stable")[:count]].tolist()


def test_a_query_by_key_finds_similar_vectors(url):
    """The vector itself is first. The response has the request that was sent."""
    answer = run_job(url, "query", key=make_key(42), top_k=150)

    assert [result["metadata"]["n"] for result in answer["results"]] == compute_nearest(
        VECTORS[42], 150
    )
    assert answer["results"][0]["key"] == make_key(42)
    assert answer["results"][0]["distance"] == 0
    assert answer["request"]["queryVector"]["float32"] == pytest.approx(VECTORS[42].tolist())
    assert answer["request"]["topK"] == 150
    assert answer["milliseconds"] > 0


def test_a_query_by_vector_returns_only_matches_of_the_filter(url):
    answer = run_job(url, "query", vector=[1, 2, 3, 4], top_k=5, filter={"kind": "note"})

    expected = compute_nearest([1, 2, 3, 4], 5, range(0, COUNT, 10))
    assert [result["metadata"]["n"] for result in answer["results"]] == expected


def test_a_query_by_text_has_text_scores(url):
    """It uses the only text search of the index."""
    answer = run_job(url, "query", text="zebra", mode="text", top_k=10)

    assert {result["metadata"]["n"] for result in answer["results"]} == {3, 5003, 10_003, 15_003}
    assert all(result["text_score"] > 0 for result in answer["results"])
    assert answer["request"]["queryTexts"] == [{"metadataKey": "text", "text": "zebra"}]


def test_a_hybrid_query_has_all_scores(url):
    """A result may lack distance, text score or fused score."""
    answer = run_job(url, "query", text="zebra", key=make_key(3), mode="hybrid", top_k=10)

    first = answer["results"][0]
    assert first["key"] == make_key(3)
    assert {"distance", "text_score", "score"} <= first.keys()
    assert [result["score"] for result in answer["results"]] == sorted(
        (result["score"] for result in answer["results"]), reverse=True
    )


@pytest.mark.parametrize(
    "members, code, words",
    [
        ({}, "ValidationException", "needs a key, a vector or a text"),
        ({"text": "zebra"}, "ValidationException", "No embedder is configured"),
        ({"key": "none"}, "NotFoundException", "No vector has the key 'none'"),
        ({"vector": [1]}, "ValidationException", "Query vector contains invalid values"),
        ({"vector": [0, 0, 0, 0]}, "ValidationException", "Query vector contains invalid values"),
        ({"vector": [1, 2, 3, None]}, "SerializationException", "must be"),
        ({"vector": "abc"}, "SerializationException", "is not expected there"),
        ({"vector": [1, 2, 3, 4], "filter": 5}, "ValidationException", "Invalid filter"),
        ({"mode": "text"}, "ValidationException", "'/text' is None"),
        ({"mode": "text", "text": "x" * 1025}, "ValidationException", "1024"),
        ({"mode": "text", "text": "x", "text_key": "n"}, "ValidationException", "not configured"),
        ({"index": "none", "key": "k"}, "NotFoundException", "index could not be found"),
    ],
)
def test_an_invalid_query_is_refused(url, members, code, words):
    """If the service refuses it, the error has the service's message."""
    error = run_failing_job(url, "query", **members)

    assert error["code"] == code
    assert words in error["message"]


HOSTILE = [None, True, 0, -1, 1.5, 1e400, "", "x", [], [1], {}, {"$ne": 1}, "../..", "\x00", ["a"]]


@pytest.mark.parametrize(
    "job, known",
    [
        ("count", {}),
        ("browse", {"limit": 5, "prefix": "d", "cursor": None}),
        ("metadata", {}),
        ("query", {"vector": [1, 2, 3, 4], "mode": "vector", "top_k": 3, "filter": {"n": 1}}),
        ("why", {"vector": [1, 2, 3, 4], "target": "x", "filter": {"n": 1}}),
    ],
)
def test_members_of_the_wrong_type_cause_no_fault(url, job, known):
    """Each member with each type causes a request error or a result."""
    request = {**PAGE, **known, "key": None, "text": None, "text_key": None}
    for member in [*request, "unknown"]:
        for value in HOSTILE:
            body = json.dumps({**request, member: value}).replace("Infinity", "1e400").encode()
            if b"1e400" in body:
                response, answer = send_request(url, f"/console/api/stream/{job}", body=body)
                assert (response.status, answer["code"]) == (400, "SerializationException")
                continue
            lines = read_stream(url, f"/console/api/stream/{job}", body)
            error = lines[-1].get("error", {"code": "ValidationException"})
            assert error["code"] in {
                "ValidationException",
                "SerializationException",
                "NotFoundException",
            }, (member, value, error)


@pytest.mark.parametrize(
    "cursor",
    ["x", "AAAA", "W10=", "WzEsMiwzXQ==", "W251bGwsLTEsbnVsbF0=", "WyJ0b2tlbiIsMCxudWxsXQ=="],
)
def test_an_invalid_cursor_is_refused(url, cursor):
    """The console refuses it, or the service if it contains a token."""
    assert "Invalid" in run_failing_job(url, "browse", cursor=cursor, prefix="d")["message"]


def test_why_returns_a_rank_beyond_the_first_page(url):
    """It returns the distance as well. The service's maximum limits the rank."""
    ranking = compute_nearest([1, 2, 3, 4], COUNT)

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(ranking[1233]))

    assert why["exists"] is True
    assert why["rank"] == 1234
    assert why["distance"] == pytest.approx(
        1
        - VECTORS[ranking[1233]]
        @ [1, 2, 3, 4]
        / np.linalg.norm(VECTORS[ranking[1233]])
        / np.sqrt(30),
        abs=1e-6,
    )
    assert why["reason"] == "It is result 1,234 of the query."


def test_why_reports_a_vector_below_the_ranking(url):
    """Its distance is computed."""
    last = compute_nearest([1, 2, 3, 4], COUNT)[-1]

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(last))

    assert (why["rank"], why["of"]) == (None, 10_000)
    assert "not among the first 10,000 results" in why["reason"]
    expected = 1 - VECTORS[last] @ [1, 2, 3, 4] / np.linalg.norm(VECTORS[last]) / np.sqrt(30)
    assert why["distance"] == pytest.approx(expected, abs=1e-6)


def test_why_explains_a_prefix_inside_a_group(url):
    """ENHANCED indexes allow `$startsWith` inside `$and` and `$or`."""
    document = {"$and": [{"kind": {"$startsWith": "no"}}, {"n": {"$gte": 0}}]}
    target = compute_nearest([1, 2, 3, 4], 1, [n for n in range(COUNT) if n % 10])[0]

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(target), filter=document)

    assert [(part["path"], part["holds"]) for part in why["filter"]] == [
        ("/$and", False),
        ("/$and/0/kind/$startsWith", False),
        ("/$and/1/n/$gte", True),
    ]


def test_why_lists_the_conditions_that_exclude_a_vector(url):
    """It has the result of each condition and the vector's value."""
    target = compute_nearest([1, 2, 3, 4], 1, [n for n in range(COUNT) if n % 10])[0]
    document = {
        "$and": [
            {"kind": {"$in": ["note", "card"]}},
            {"n": {"$gte": 0, "$lt": COUNT}},
            {"$or": [{"a/b~c": 1}, {"n": {"$exists": True}}]},
        ]
    }

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(target), filter=document)

    assert why["filter"] == [
        {"path": "/$and", "condition": "$and", "holds": False},
        {
            "path": "/$and/0/kind/$in",
            "condition": {"kind": {"$in": ["note", "card"]}},
            "holds": False,
            "value": "page",
        },
        {
            "path": "/$and/1/n/$gte",
            "condition": {"n": {"$gte": 0}},
            "holds": True,
            "value": target,
        },
        {
            "path": "/$and/1/n/$lt",
            "condition": {"n": {"$lt": COUNT}},
            "holds": True,
            "value": target,
        },
        {"path": "/$and/2/$or", "condition": "$or", "holds": True},
        {
            "path": "/$and/2/$or/0/a~1b~0c",
            "condition": {"a/b~c": 1},
            "holds": False,
            "value": None,
        },
        {
            "path": "/$and/2/$or/1/n/$exists",
            "condition": {"n": {"$exists": True}},
            "holds": True,
            "value": target,
        },
    ]
    assert why["rank"] is None
    assert why["reason"] == "The filter leaves it out: it does not hold at /$and/0/kind/$in."
    unfiltered = compute_nearest([1, 2, 3, 4], COUNT).index(target) + 1
    assert why["rank_without_filter"] == unfiltered


def test_why_reports_a_missing_vector(url):
    why = run_job(url, "why", vector=[1, 2, 3, 4], target="none")

    assert (why["exists"], why["rank"], why["reason"]) == (False, None, "No vector has this key.")


def test_why_reports_that_the_text_lacks_the_words(url):
    """The query is by text alone."""
    why = run_job(url, "why", text="zebra", mode="text", target=make_key(4))

    assert why["reason"] == "Its text has none of the words of the query."
    assert run_job(url, "why", text="zebra", mode="text", target=make_key(3))["text_score"] > 0


def test_why_uses_the_top_k_of_a_hybrid_query(url):
    """Another top k changes the hybrid ranking."""
    query = {"text": "zebra", "mode": "hybrid", "vector": [1, 2, 3, 4], "top_k": 8}
    results = run_job(url, "query", **query)["results"]

    for rank, result in enumerate(results, 1):
        assert run_job(url, "why", target=result["key"], **query)["rank"] == rank


def test_an_empty_index_has_empty_results(one_vector):
    """No vectors, metadata or matches."""
    url, engine = one_vector
    engine.call("DeleteVectors", {**NAMES, "keys": ["only"]})

    assert run_job(url, "count") == {"count": 0}
    assert run_job(url, "browse") == {"vectors": [], "cursor": None, "scanned": 0}
    assert run_job(url, "metadata") == {"keys": [], "sampled": 0}
    assert run_job(url, "query", vector=[1, 0])["results"] == []
    assert run_job(url, "why", vector=[1, 0], target="only")["exists"] is False


def test_each_job_works_with_one_vector(one_vector):
    url, _ = one_vector
    metadata = {"n": 1, "text": "one word"}

    assert run_job(url, "browse")["vectors"] == [{"key": "only", "metadata": metadata}]
    assert run_job(url, "query", text="word", mode="text")["results"][0]["key"] == "only"
    assert run_job(url, "why", key="only", target="only")["rank"] == 1


@pytest.mark.parametrize("job", ["count", "browse", "metadata", "query", "why"])
def test_a_denied_action_names_its_statement(job):
    """The console has the permissions of a caller without a key."""
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    actions = ["s3vectors:ListVectors", "s3vectors:QueryVectors", "s3vectors:GetVectors"]
    deny = {"Effect": "Deny", "Action": actions, "Resource": "*", "Sid": "no-reading"}
    policies = Policies({"Version": "2012-10-17", "Statement": [allow, deny]})
    with Engine(policies=policies) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)

        error = run_failing_job(url, job, vector=[1, 0], target="only")

    assert error["code"] == "AccessDeniedException"
    assert error["statement"] == "policy 1, statement 2 (no-reading)"
    assert "with an explicit deny in an identity-based policy" in error["message"]


def test_a_job_ends_with_an_error_when_the_engine_is_closed(one_vector):
    """It has the engine's message."""
    url, engine = one_vector
    engine.close()

    assert run_failing_job(url, "count") == {
        "code": "InternalServerException",
        "message": "the engine is closed",
    }


def test_a_damaged_index_is_an_error(tmp_path):
    """It has the engine's message. Other indexes still work."""
    with Engine(tmp_path) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put_vectors(engine, [("only", [1, 0], {})])
        table = f"UPDATE vectors_{engine._state.storage.read_records('indexes')[0][0]}"
        with engine._state.storage.transaction() as database:
            database.execute(f"{table} SET filterable = '{{'")

        error = run_failing_job(url, "browse")

    assert error["code"] == "InternalServerException"
    assert "could not be read" in error["message"]


@pytest.fixture
def endless_job(monkeypatch):
    """Return an event that is set when a job that never ends by itself is stopped."""
    ended = threading.Event()

    def work(*_):
        try:
            while True:
                yield report("working", 0)
        finally:
            ended.set()

    monkeypatch.setitem(JOBS, "endless_job", work)
    return ended


@contextmanager
def start_job(url, job):
    """Return the response of a job that has started."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        headers = {"content-type": "application/json"}
        connection.request("POST", f"/console/api/stream/{job}", json.dumps(PAGE), headers)
        response = connection.getresponse()
        assert "progress" in json.loads(response.readline())
        yield response


def test_a_disconnected_client_s_job_ends(url, endless_job):
    """The engine answers meanwhile."""
    with start_job(url, "endless_job"):
        assert send_request(url, "/ListVectorBuckets")[0].status == 200
        assert not endless_job.is_set()

    assert endless_job.wait(60)


def test_a_job_that_ends_delays_no_other_request(url, monkeypatch):
    """Ending may wait for several calls to the service."""
    ending, answered, ended = threading.Event(), threading.Event(), threading.Event()

    def work(*_):
        try:
            while True:
                yield report("working", 0)
        finally:
            ending.set()
            answered.wait(60)
            ended.set()

    monkeypatch.setitem(JOBS, "slow", work)
    with start_job(url, "slow"):
        pass
    assert ending.wait(60)

    assert send_request(url, "/console/api/about")[0].status == 200
    assert not ended.is_set()
    answered.set()
    assert ended.wait(60)


def test_stopping_the_server_ends_its_jobs(engine, endless_job):
    """Each has an error that says so."""
    with ExitStack() as stack:
        with serving(engine, console=ConsoleOptions()) as url:
            response = stack.enter_context(start_job(url, "endless_job"))
        lines = [json.loads(line) for line in response.read().splitlines()]

    assert endless_job.is_set()
    assert lines[-1]["error"] == {
        "code": "ServiceUnavailableException",
        "message": "The server is stopping",
    }


def test_a_failed_job_s_error_does_not_contain_its_cause(url, monkeypatch, caplog):
    """The log has it."""

    def fault(*_):
        yield report("working", 0)
        raise RuntimeError("secret reasons")

    monkeypatch.setitem(JOBS, "faulty", fault)

    assert run_failing_job(url, "faulty") == {
        "code": "InternalServerException",
        "message": "The console failed; see its log",
    }
    assert "secret reasons" in caplog.text


@pytest.mark.parametrize("euclidean, expected", [("plain", 2.0), ("squared", 4.0)])
def test_a_computed_distance_equals_the_engine_s(euclidean, expected):
    """The filter excludes the vector from every ranking that would have its distance."""
    choices = Choices(euclidean=euclidean, numbers="single")
    with Engine(choices=choices) as engine, serving(engine, console=ConsoleOptions()) as url:
        shape = {"dataType": "float32", "dimension": 1, "distanceMetric": "euclidean"}
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
        engine.call("CreateIndex", {**NAMES, **shape})
        put_vectors(engine, [("near", [1], {"n": 1}), ("far", [3], {"n": 0.1})])

        why = run_job(url, "why", vector=[1], target="far", filter={"n": {"$gt": 0.5}})
        matching = run_job(url, "browse", filter={"n": 0.1})["vectors"]

    assert why["distance"] == expected
    assert why["rank_without_filter"] == 2
    assert [vector["key"] for vector in matching] == ["far"]  # both are in single precision


def test_why_finds_a_vector_beyond_the_top_k_of_a_hybrid_query(url):
    """It searches up to the maximum of a query."""
    query = {"text": "zebra", "mode": "hybrid", "vector": [1, 2, 3, 4], "top_k": 2}
    target = compute_nearest([1, 2, 3, 4], 50)[-1]

    why = run_job(url, "why", target=make_key(target), **query)

    assert 2 < why["rank"] < 200


def test_the_first_text_search_is_the_default(one_vector):
    """An index without a text search is an error."""
    url, engine = one_vector
    assert run_job(url, "query", text="word", mode="text", text_key="text")["results"]
    engine.call("DeleteIndex", NAMES)
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **shape})

    assert (
        "has no text search" in run_failing_job(url, "query", text="word", mode="text")["message"]
    )


def test_a_boolean_is_described_as_a_boolean(one_vector):
    """In Python, bool is a subclass of int."""
    url, engine = one_vector
    put_vectors(engine, [("flag", [1, 1], {"flag": True, "numbers": [1, 2]})])

    types = {key["name"]: key["types"] for key in run_job(url, "metadata")["keys"]}

    assert (types["flag"], types["numbers"]) == (["boolean"], ["number[]"])


def test_a_failed_call_s_error_does_not_contain_its_cause(one_vector, monkeypatch, caplog):
    """The log has it."""
    url, engine = one_vector

    def fault(*_):
        raise RuntimeError("secret reasons")

    monkeypatch.setattr(engine, "call", fault)

    response, answer = send_request(url, "/console/api/call/ListVectorBuckets")

    assert (response.status, answer["code"]) == (500, "InternalServerException")
    assert "secret" not in answer["message"]
    assert "secret reasons" in caplog.text
