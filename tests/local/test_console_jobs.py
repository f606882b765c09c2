"""The console's jobs: counting, browsing, querying, and why a vector is where it is."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest

from console_client import NAMES, PAGE, ask, create_index, put, run, run_failing, stream
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


def name(number):
    """The key of a vector: not in the order in which they are put."""
    return f"doc-{number % 7}/{number:05d}"


@pytest.fixture(scope="module")
def engine():
    """An engine with 20,000 vectors, of which every tenth is a note."""
    with Engine() as engine:
        create_index(engine, 4, metadataConfiguration=TEXTS)
        put(
            engine,
            [
                (
                    name(n),
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
    """Its server."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


@pytest.fixture
def small():
    """A server of an engine with one vector; the engine itself."""
    with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine, metadataConfiguration=TEXTS)
        put(engine, [("only", [1, 0], {"text": "one word", "n": 1})])
        yield url, engine


def browse_all(url, **members):
    """The vectors of all pages."""
    cursor, vectors = None, []
    while True:
        page = run(url, "browse", cursor=cursor, **members)
        vectors += page["vectors"]
        cursor = page["cursor"]
        if cursor is None:
            return vectors


def test_vectors_are_counted(url, small):
    """All of them, with progress."""
    lines = stream(url, "/console/api/stream/count", json.dumps(PAGE).encode())

    assert lines[-1] == {"result": {"count": COUNT}}
    assert lines[0]["progress"] == {"phase": "counting", "done": 1000, "total": None}
    assert run(small[0], "count") == {"count": 1}


def test_browsing_gives_every_vector_once(url):
    """With its metadata, page by page."""
    vectors = browse_all(url, limit=499)

    assert sorted(vector["key"] for vector in vectors) == sorted(map(name, range(COUNT)))
    assert vectors[0]["metadata"]["kind"] == "note"


@pytest.mark.parametrize("limit", [7, 33, 500])
def test_a_prefix_and_a_filter_leave_vectors_out(url, limit):
    """Each that passes comes once, whatever the size of a page."""
    members = {"prefix": "doc-3/", "filter": {"kind": "note"}, "limit": limit}

    vectors = browse_all(url, **members)

    expected = [n for n in range(0, COUNT, 10) if n % 7 == 3]
    assert [vector["metadata"]["n"] for vector in vectors] == expected


def test_a_page_ends_where_it_is_full(url):
    """It says how many vectors were looked at, and where to go on."""
    page = run(url, "browse", filter={"n": {"$gte": 19_998}}, limit=1)

    assert [vector["metadata"]["n"] for vector in page["vectors"]] == [19_998]
    assert page["scanned"] == COUNT - 1
    rest = run(url, "browse", filter={"n": {"$gte": 19_998}}, limit=1, cursor=page["cursor"])
    assert [vector["metadata"]["n"] for vector in rest["vectors"]] == [19_999]
    assert rest["cursor"] is None


def test_browsing_goes_on_when_vectors_are_deleted_meanwhile(small):
    """Nothing is passed over that was not there to be shown."""
    url, engine = small
    put(engine, [(f"k{n}", [n + 1, 1], {"n": n}) for n in range(20)])
    page = run(url, "browse", prefix="k", limit=5)
    engine.call("DeleteVectors", {**NAMES, "keys": ["k0", "k1", "k7"]})

    rest = run(url, "browse", prefix="k", limit=50, cursor=page["cursor"])

    assert [vector["key"] for vector in page["vectors"]] == ["k0", "k1", "k2", "k3", "k4"]
    assert [v["key"] for v in rest["vectors"]] == ["k5", "k6", *(f"k{n}" for n in range(8, 20))]


def test_a_filter_that_is_none_has_the_services_own_error(url):
    """Before anything is listed."""
    for document in ({"a": 1, "b": 2}, {"text": "x"}, {"$nor": []}, "text", 5, []):
        assert run_failing(url, "browse", filter=document)["message"] == "Invalid filter"


@pytest.mark.parametrize(
    "choices", [Choices(), Choices(missing_key="no-match", array_negation="any-element")]
)
def test_browsing_matches_as_the_engine_does(choices):
    """Where AWS's behavior is not documented, too."""
    filters = [
        {"tag": {"$ne": "a"}},
        {"tag": {"$nin": ["a", "c"]}},
        {"$or": [{"tag": "b"}, {"n": {"$lt": 2}}]},
        {"tag": {"$exists": False}},
    ]
    values = ["a", "b", ["a", "b"], ["c"], None]
    with Engine(choices=choices) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put(
            engine,
            [
                (f"k{n}", [n, 1], {"n": n, **({} if tag is None else {"tag": tag})})
                for n, tag in enumerate(values)
            ],
        )
        for document in filters:
            query = {"queryVector": {"float32": [1, 1]}, "topK": 10, "filter": document}
            expected = engine.call("QueryVectors", {**NAMES, **query})["vectors"]

            page = run(url, "browse", filter=document)

            assert {v["key"] for v in page["vectors"]} == {v["key"] for v in expected}


def test_metadata_is_described_by_a_sample(url):
    """Its keys, their types, how often they are there, and some values."""
    described = run(url, "metadata")

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


def test_long_values_are_cut_in_a_description(small):
    """A hundred megabytes would not help anybody."""
    url, engine = small
    put(engine, [("long", [1, 1], {"text": "x" * 40_000})])

    keys = {key["name"]: key for key in run(url, "metadata")["keys"]}

    assert keys["text"]["examples"] == ["one word", "x" * 80]


def nearest(vector, count, numbers=None):
    """The numbers of the nearest vectors, by numpy."""
    among = np.arange(COUNT) if numbers is None else np.array(numbers)
    rows = VECTORS[among].astype(np.float64)
    query = np.asarray(vector, np.float64)
    cosine = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    return among[np.argsort(-cosine, kind="stable")[:count]].tolist()


def test_a_query_by_key_finds_what_is_like_it(url):
    """The vector itself first; the request is as it was sent."""
    answer = run(url, "query", key=name(42), top_k=150)

    assert [result["metadata"]["n"] for result in answer["results"]] == nearest(VECTORS[42], 150)
    assert answer["results"][0]["key"] == name(42)
    assert answer["results"][0]["distance"] == 0
    assert answer["request"]["queryVector"]["float32"] == pytest.approx(VECTORS[42].tolist())
    assert answer["request"]["topK"] == 150
    assert answer["milliseconds"] > 0


def test_a_query_by_vector_and_filter(url):
    """Only what passes is a result."""
    answer = run(url, "query", vector=[1, 2, 3, 4], top_k=5, filter={"kind": "note"})

    expected = nearest([1, 2, 3, 4], 5, range(0, COUNT, 10))
    assert [result["metadata"]["n"] for result in answer["results"]] == expected


def test_a_query_by_text_has_text_scores(url):
    """Of the only text search that the index has."""
    answer = run(url, "query", text="zebra", mode="text", top_k=10)

    assert {result["metadata"]["n"] for result in answer["results"]} == {3, 5003, 10_003, 15_003}
    assert all(result["text_score"] > 0 for result in answer["results"])
    assert answer["request"]["queryTexts"] == [{"metadataKey": "text", "text": "zebra"}]


def test_a_hybrid_query_has_all_scores_side_by_side(url):
    """Distance, text score and fused score, where a result has them."""
    answer = run(url, "query", text="zebra", key=name(3), mode="hybrid", top_k=10)

    first = answer["results"][0]
    assert first["key"] == name(3)
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
def test_a_query_that_cannot_be_is_refused(url, members, code, words):
    """In the service's words where it is the service that refuses."""
    error = run_failing(url, "query", **members)

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
def test_members_of_the_wrong_kind_are_refused(url, job, known):
    """Each member, of each type: an error of the request, or an answer, and never a fault."""
    request = {**PAGE, **known, "key": None, "text": None, "text_key": None}
    for member in [*request, "unknown"]:
        for value in HOSTILE:
            body = json.dumps({**request, member: value}).replace("Infinity", "1e400").encode()
            if b"1e400" in body:
                response, answer = ask(url, f"/console/api/stream/{job}", body=body)
                assert (response.status, answer["code"]) == (400, "SerializationException")
                continue
            lines = stream(url, f"/console/api/stream/{job}", body)
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
    """By us, or, if a token is in it, by the service."""
    assert "Invalid" in run_failing(url, "browse", cursor=cursor, prefix="d")["message"]


def test_why_has_the_rank_beyond_the_first_page(url):
    """As far as the service ranks, and the distance."""
    ranking = nearest([1, 2, 3, 4], COUNT)

    why = run(url, "why", vector=[1, 2, 3, 4], target=name(ranking[1233]))

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


def test_why_says_when_the_ranking_ends_before(url):
    """Its distance is computed then."""
    last = nearest([1, 2, 3, 4], COUNT)[-1]

    why = run(url, "why", vector=[1, 2, 3, 4], target=name(last))

    assert (why["rank"], why["of"]) == (None, 10_000)
    assert "not among the first 10,000 results" in why["reason"]
    expected = 1 - VECTORS[last] @ [1, 2, 3, 4] / np.linalg.norm(VECTORS[last]) / np.sqrt(30)
    assert why["distance"] == pytest.approx(expected, abs=1e-6)


def test_why_explains_a_prefix_inside_a_group(url):
    """ENHANCED indexes allow it there, too."""
    document = {"$and": [{"kind": {"$startsWith": "no"}}, {"n": {"$gte": 0}}]}
    target = nearest([1, 2, 3, 4], 1, [n for n in range(COUNT) if n % 10])[0]

    why = run(url, "why", vector=[1, 2, 3, 4], target=name(target), filter=document)

    assert [(part["path"], part["holds"]) for part in why["filter"]] == [
        ("/$and", False),
        ("/$and/0/kind/$startsWith", False),
        ("/$and/1/n/$gte", True),
    ]


def test_why_names_the_conditions_that_leave_a_vector_out(url):
    """Each condition with whether it holds, and the value that the vector has."""
    target = nearest([1, 2, 3, 4], 1, [n for n in range(COUNT) if n % 10])[0]
    document = {
        "$and": [
            {"kind": {"$in": ["note", "card"]}},
            {"n": {"$gte": 0, "$lt": COUNT}},
            {"$or": [{"a/b~c": 1}, {"n": {"$exists": True}}]},
        ]
    }

    why = run(url, "why", vector=[1, 2, 3, 4], target=name(target), filter=document)

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
    unfiltered = nearest([1, 2, 3, 4], COUNT).index(target) + 1
    assert why["rank_without_filter"] == unfiltered


def test_why_says_that_there_is_no_such_vector(url):
    """And nothing else."""
    why = run(url, "why", vector=[1, 2, 3, 4], target="none")

    assert (why["exists"], why["rank"], why["reason"]) == (False, None, "No vector has this key.")


def test_why_says_that_the_words_are_not_in_the_text(url):
    """Of a query by text alone."""
    why = run(url, "why", text="zebra", mode="text", target=name(4))

    assert why["reason"] == "Its text has none of the words of the query."
    assert run(url, "why", text="zebra", mode="text", target=name(3))["text_score"] > 0


def test_why_of_a_hybrid_query_is_of_its_own_depth(url):
    """A hybrid ranking is another for another top k."""
    query = {"text": "zebra", "mode": "hybrid", "vector": [1, 2, 3, 4], "top_k": 8}
    results = run(url, "query", **query)["results"]

    for rank, result in enumerate(results, 1):
        assert run(url, "why", target=result["key"], **query)["rank"] == rank


def test_an_empty_index_has_nothing(small):
    """No vectors, no metadata, no results."""
    url, engine = small
    engine.call("DeleteVectors", {**NAMES, "keys": ["only"]})

    assert run(url, "count") == {"count": 0}
    assert run(url, "browse") == {"vectors": [], "cursor": None, "scanned": 0}
    assert run(url, "metadata") == {"keys": [], "sampled": 0}
    assert run(url, "query", vector=[1, 0])["results"] == []
    assert run(url, "why", vector=[1, 0], target="only")["exists"] is False


def test_one_vector_is_enough(small):
    """For every job."""
    url, _ = small
    metadata = {"n": 1, "text": "one word"}

    assert run(url, "browse")["vectors"] == [{"key": "only", "metadata": metadata}]
    assert run(url, "query", text="word", mode="text")["results"][0]["key"] == "only"
    assert run(url, "why", key="only", target="only")["rank"] == 1


@pytest.mark.parametrize("job", ["count", "browse", "metadata", "query", "why"])
def test_a_denied_action_is_an_error_that_names_the_statement(job):
    """The console calls as anybody without a key does."""
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    actions = ["s3vectors:ListVectors", "s3vectors:QueryVectors", "s3vectors:GetVectors"]
    deny = {"Effect": "Deny", "Action": actions, "Resource": "*", "Sid": "no-reading"}
    policies = Policies({"Version": "2012-10-17", "Statement": [allow, deny]})
    with Engine(policies=policies) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)

        error = run_failing(url, job, vector=[1, 0], target="only")

    assert error["code"] == "AccessDeniedException"
    assert error["statement"] == "policy 1, statement 2 (no-reading)"
    assert "with an explicit deny in an identity-based policy" in error["message"]


def test_a_job_ends_with_an_error_when_the_engine_is_closed(small):
    """In the engine's words."""
    url, engine = small
    engine.close()

    assert run_failing(url, "count") == {
        "code": "InternalServerException",
        "message": "the engine is closed",
    }


def test_a_damaged_data_directory_is_an_error(tmp_path):
    """In the engine's words, and of that index only."""
    with Engine(tmp_path) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put(engine, [("only", [1, 0], {})])
        table = f"UPDATE vectors_{engine._state.storage.read_records('indexes')[0][0]}"
        with engine._state.storage.transaction() as database:
            database.execute(f"{table} SET filterable = '{{'")

        error = run_failing(url, "browse")

    assert error["code"] == "InternalServerException"
    assert "could not be read" in error["message"]


@pytest.fixture
def endless(monkeypatch):
    """An event that is set when a job that never ends by itself is ended."""
    ended = threading.Event()

    def work(*_):
        try:
            while True:
                yield report("working", 0)
        finally:
            ended.set()

    monkeypatch.setitem(JOBS, "endless", work)
    return ended


@contextmanager
def started(url, job):
    """The response of a job that has begun."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        headers = {"content-type": "application/json"}
        connection.request("POST", f"/console/api/stream/{job}", json.dumps(PAGE), headers)
        response = connection.getresponse()
        assert "progress" in json.loads(response.readline())
        yield response


def test_a_client_that_leaves_ends_its_job(url, endless):
    """Nothing goes on for nobody; and the engine answers meanwhile."""
    with started(url, "endless"):
        assert ask(url, "/ListVectorBuckets")[0].status == 200
        assert not endless.is_set()

    assert endless.wait(60)


def test_the_end_of_a_job_holds_up_nobody(url, monkeypatch):
    """It may wait for the service, when several calls are in work."""
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
    with started(url, "slow"):
        pass
    assert ending.wait(60)

    assert ask(url, "/console/api/about")[0].status == 200
    assert not ended.is_set()
    answered.set()
    assert ended.wait(60)


def test_a_server_that_stops_ends_its_jobs(engine, endless):
    """With an error that says so."""
    with ExitStack() as stack:
        with serving(engine, console=ConsoleOptions()) as url:
            response = stack.enter_context(started(url, "endless"))
        lines = [json.loads(line) for line in response.read().splitlines()]

    assert endless.is_set()
    assert lines[-1]["error"] == {
        "code": "ServiceUnavailableException",
        "message": "The server is stopping",
    }


def test_a_job_that_fails_is_an_error_without_its_reasons(url, monkeypatch, caplog):
    """They are in the log."""

    def fault(*_):
        yield report("working", 0)
        raise RuntimeError("secret reasons")

    monkeypatch.setitem(JOBS, "faulty", fault)

    assert run_failing(url, "faulty") == {
        "code": "InternalServerException",
        "message": "The console failed; see its log",
    }
    assert "secret reasons" in caplog.text


@pytest.mark.parametrize("euclidean, expected", [("plain", 2.0), ("squared", 4.0)])
def test_a_computed_distance_is_as_the_engine_computes_it(euclidean, expected):
    """The filter leaves the vector out of every ranking that could have it."""
    choices = Choices(euclidean=euclidean, numbers="single")
    with Engine(choices=choices) as engine, serving(engine, console=ConsoleOptions()) as url:
        shape = {"dataType": "float32", "dimension": 1, "distanceMetric": "euclidean"}
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
        engine.call("CreateIndex", {**NAMES, **shape})
        put(engine, [("near", [1], {"n": 1}), ("far", [3], {"n": 0.1})])

        why = run(url, "why", vector=[1], target="far", filter={"n": {"$gt": 0.5}})
        matching = run(url, "browse", filter={"n": 0.1})["vectors"]

    assert why["distance"] == expected
    assert why["rank_without_filter"] == 2
    assert [vector["key"] for vector in matching] == ["far"]  # both in single precision


def test_why_of_a_vector_beyond_the_top_of_a_hybrid_query(url):
    """It is looked for as far as a query goes."""
    query = {"text": "zebra", "mode": "hybrid", "vector": [1, 2, 3, 4], "top_k": 2}
    target = nearest([1, 2, 3, 4], 50)[-1]

    why = run(url, "why", target=name(target), **query)

    assert 2 < why["rank"] < 200


def test_a_text_search_is_chosen_or_the_first(small):
    """An index without one says so."""
    url, engine = small
    assert run(url, "query", text="word", mode="text", text_key="text")["results"]
    engine.call("DeleteIndex", NAMES)
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **shape})

    assert "has no text search" in run_failing(url, "query", text="word", mode="text")["message"]


def test_a_boolean_is_described_as_one(small):
    """And not as a number, which it is to Python."""
    url, engine = small
    put(engine, [("flag", [1, 1], {"flag": True, "numbers": [1, 2]})])

    types = {key["name"]: key["types"] for key in run(url, "metadata")["keys"]}

    assert (types["flag"], types["numbers"]) == (["boolean"], ["number[]"])


def test_a_call_that_fails_is_an_error_without_its_reasons(small, monkeypatch, caplog):
    """They are in the log."""
    url, engine = small

    def fault(*_):
        raise RuntimeError("secret reasons")

    monkeypatch.setattr(engine, "call", fault)

    response, answer = ask(url, "/console/api/call/ListVectorBuckets")

    assert (response.status, answer["code"]) == (500, "InternalServerException")
    assert "secret" not in answer["message"]
    assert "secret reasons" in caplog.text
