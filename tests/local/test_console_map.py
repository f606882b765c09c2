"""The console's map: principal components, the sample, and the colors."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console import maps
from s3vectors_local.console.options import ConsoleOptions
from s3vectors_local.console.projection import project
from s3vectors_local.console.steps import report
from s3vectors_local.iam import Policies
from support.console.client import (
    NAMES,
    PAGE,
    create_index,
    put_vectors,
    read_stream,
    run_failing_job,
    run_job,
)

DIMENSION = 96
COUNT = 20_000
RANDOM = np.random.default_rng(3)
VECTORS = (RANDOM.normal(size=(COUNT, DIMENSION)) * np.linspace(2, 0.1, DIMENSION)).astype("<f4")


def make_key(number):
    """Return the key of a vector."""
    return f"{(number * 7919) % COUNT:05d}"


ORDER = sorted(range(COUNT), key=make_key)


@pytest.fixture(scope="module")
def engine():
    """Return an engine with 20,000 vectors."""
    with Engine() as engine:
        hidden = {"nonFilterableMetadataKeys": ["text"]}
        create_index(engine, DIMENSION, metadataConfiguration=hidden)
        put_vectors(
            engine,
            [
                (
                    make_key(n),
                    VECTORS[n],
                    {
                        "group": f"g{n % 3}",
                        "n": n,
                        "text": "words",
                        **({"flag": n % 8 == 0} if n % 4 == 0 else {}),
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
def empty_index():
    """Serve an engine with an empty index of two dimensions; return the URL and the engine."""
    with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        yield url, engine


def run_to_end(steps):
    """Run a generator and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def decompose(vectors):
    """Compute the points and shares of variance with numpy's singular value decomposition."""
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(centered, full_matrices=False)
    points = left[:, :2] * lengths[:2]
    farthest = points[np.abs(points).argmax(axis=0), range(points.shape[1])]
    return points * np.sign(farthest), (lengths**2 / (lengths**2).sum())[:2]


@pytest.mark.parametrize(
    "count, dimension",
    [(2, 1), (3, 2), (10, 64), (500, 65), (501, 200), (60, 300), (5000, 128), (1200, 400)],
)
@pytest.mark.parametrize("spread", ["steep", "flat", "far"])
def test_points_equal_those_of_a_singular_value_decomposition(count, dimension, spread):
    """There are few or many vectors and dimensions, also far from zero."""
    vectors = np.random.default_rng(count).normal(size=(count, dimension))
    if spread == "steep":
        vectors *= np.geomspace(1, 1e-3, dimension)
    if spread == "far":
        vectors += 100
    vectors = vectors.astype(np.float32)

    points, variance = run_to_end(project(vectors))

    expected, shares = decompose(vectors)
    width = expected.shape[1]
    assert points[:, :width] == pytest.approx(expected, abs=1e-4 * np.abs(expected).max())
    assert variance[: len(shares)] == pytest.approx(shares, abs=1e-6)
    assert not points[:, width:].any()


def test_axes_with_equal_variance_are_valid():
    """The corners of a cross: any two directions share all the variance."""
    vectors = np.repeat(np.eye(100, dtype=np.float32)[:3], 40, axis=0)

    points, variance = run_to_end(project(vectors))

    assert sum(variance) == pytest.approx(1)
    assert variance[0] == pytest.approx(0.5)
    distances = np.linalg.norm(points[0] - points[40]), np.linalg.norm(points[0] - points[80])
    assert distances == pytest.approx((np.sqrt(2), np.sqrt(2)))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_equal_vectors_are_one_point(count):
    """It is in the middle, without variance."""
    points, variance = run_to_end(project(np.ones((count, 200), np.float32)))

    assert points.tolist() == [[0, 0]] * count
    assert variance == (0, 0)


def test_a_projection_is_reproducible():
    """It is equal to the last bit."""
    vectors = VECTORS[:3000]

    assert (
        run_to_end(project(vectors)).points.tobytes()
        == run_to_end(project(vectors)).points.tobytes()
    )


def test_a_large_index_is_sampled_evenly_in_the_order_of_its_keys(url):
    """The response says so, and anybody can take the same sample."""
    drawn = run_job(url, "map", limit=2000)

    assert drawn["keys"] == [make_key(ORDER[n * 10]) for n in range(2000)]
    assert drawn["sample"] == {
        "size": 2000,
        "of": COUNT,
        "whole": False,
        "how": "evenly spaced in the order of the keys of the index",
    }
    points, shares = decompose(VECTORS[[ORDER[n * 10] for n in range(2000)]])
    assert np.array(drawn["points"]) == pytest.approx(points, abs=1e-4 * np.abs(points).max())
    assert drawn["variance"] == pytest.approx(shares, abs=1e-6)
    assert drawn["colors"] is None
    assert "vectors" not in drawn


def test_a_filter_selects_points(url):
    """The sample is of the matching vectors."""
    drawn = run_job(url, "map", limit=5000, filter={"n": {"$lt": 300}})

    assert sorted(drawn["keys"]) == drawn["keys"]
    assert set(drawn["keys"]) == {make_key(n) for n in range(300)}
    assert drawn["sample"]["whole"] is True
    assert drawn["sample"]["how"] == "all vectors that pass the filter"


def test_colors_have_a_legend_with_counts(url):
    """The most frequent value is first. Coordinates do not change."""
    plain = run_job(url, "map", limit=2000)

    colored = run_job(url, "map", limit=2000, color="group")

    assert colored["points"] == plain["points"]
    assert colored["colors"]["key"] == "group"
    legend = colored["colors"]["values"]
    assert [entry["count"] for entry in legend] == sorted(
        (entry["count"] for entry in legend), reverse=True
    )
    assert sum(entry["count"] for entry in legend) == 2000
    groups = {key: n % 3 for n, key in enumerate(map(make_key, range(COUNT)))}
    for key, color in zip(colored["keys"], colored["colors"]["of_point"], strict=True):
        assert legend[color]["value"] == f"g{groups[key]}"


def test_the_legend_groups_rare_values_and_counts_missing_ones(url):
    """A legend of thousands would not help."""
    many = run_job(url, "map", limit=2000, color="n")["colors"]
    some = run_job(url, "map", limit=2000, color="flag")["colors"]

    assert len(many["values"]) == 21
    assert many["values"][20] == {"value": None, "count": 1980, "other": True}
    assert many["of_point"].count(20) == 1980
    assert {json.dumps(entry["value"]) for entry in some["values"]} == {"null", "true", "false"}
    none = run_job(url, "map", limit=2000, color="nothing")["colors"]
    assert none["values"] == [{"value": None, "count": 2000}]


def test_values_that_look_alike_have_different_colors(empty_index):
    """1, 1.0, "1", true, and arrays."""
    url, engine = empty_index
    values = [1, "1", True, ["1"], ["1", "2"], 1.5]
    put_vectors(engine, [(f"k{n}", [n, 1], {"v": value}) for n, value in enumerate(values)])

    legend = run_job(url, "map", color="v")["colors"]["values"]

    legend_values = {json.dumps(entry["value"]) for entry in legend}
    assert legend_values == {"1", '"1"', "true", '"[\\"1\\"]"', '"[\\"1\\",\\"2\\"]"', "1.5"}


def test_a_map_is_recomputed_only_after_a_change(empty_index, monkeypatch):
    """Otherwise the stored map is returned."""
    url, engine = empty_index
    put_vectors(engine, [("a", [1, 0], {}), ("b", [0, 1], {}), ("c", [1, 1], {})])
    drawings = []
    original = maps._project
    monkeypatch.setattr(maps, "_project", lambda v: drawings.append(len(v)) or original(v))

    first, second = run_job(url, "map"), run_job(url, "map", color="x")
    put_vectors(engine, [("d", [2, 1], {})])
    third = run_job(url, "map")
    engine.call("DeleteVectors", {**NAMES, "keys": ["a"]})
    run_job(url, "map")
    run_job(url, "map")
    refreshed = run_job(url, "map", refresh=True)

    assert drawings == [3, 4, 3, 3]
    assert first["points"] == second["points"]
    assert second["age"] > first["age"] >= 0
    assert third["keys"] == ["a", "b", "c", "d"]
    assert refreshed["keys"] == ["b", "c", "d"]


def test_a_recreated_index_has_a_new_map(empty_index):
    """The map of the deleted index is not shown."""
    url, engine = empty_index
    put_vectors(engine, [("a", [1, 0], {})])
    assert run_job(url, "map")["keys"] == ["a"]

    engine.call("DeleteIndex", NAMES)
    shape = {"dataType": "float32", "dimension": 3, "distanceMetric": "euclidean"}
    engine.call("CreateIndex", {**NAMES, **shape})

    assert run_job(url, "map")["keys"] == []


def test_the_number_of_stored_maps_is_limited(empty_index, monkeypatch):
    url, engine = empty_index
    put_vectors(engine, [(f"k{n}", [n, 1], {}) for n in range(10)])
    drawings = []
    original = maps._project
    monkeypatch.setattr(maps, "_project", lambda v: drawings.append(len(v)) or original(v))

    for limit in (1, 2, 3, 4, 5, 5, 4, 1):
        run_job(url, "map", limit=limit)

    assert drawings == [1, 2, 3, 4, 5, 1]


def test_an_index_with_too_many_keys_is_reported(url, monkeypatch):
    """The sample is of those that were listed first."""
    monkeypatch.setattr(maps, "LISTED", 2000)

    drawn = run_job(url, "map", limit=100, filter={"n": {"$gte": 0}})

    assert drawn["sample"]["size"] == 100
    assert drawn["sample"]["of"] == 2000
    assert drawn["sample"]["whole"] is False
    assert "the index has more" in drawn["sample"]["how"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_map_can_have_few_vectors(empty_index, count):
    """An empty index has an empty map."""
    url, engine = empty_index
    put_vectors(engine, [(f"k{n}", [n + 1, 1], {}) for n in range(count)])

    drawn = run_job(url, "map", color="x")

    assert len(drawn["points"]) == len(drawn["keys"]) == count
    assert drawn["sample"] == {
        "size": count,
        "of": count,
        "whole": True,
        "how": "all vectors of the index",
    }


@pytest.mark.parametrize(
    "members, words",
    [
        ({"limit": 5001}, "1 to 5,000"),
        ({"limit": 0}, "1 to 5,000"),
        ({"limit": True}, "1 to 5,000"),
        ({"limit": "5"}, "1 to 5,000"),
        ({"color": 5}, "/color"),
        ({"color": ["a"]}, "/color"),
        ({"color": "text"}, "non-filterable"),
        ({"refresh": "yes"}, "/refresh"),
        ({"filter": {"$nor": 1}}, "Invalid filter"),
        ({"filter": "x"}, "Invalid filter"),
        ({"index": {}}, "/index"),
    ],
)
def test_an_invalid_map_is_refused(url, members, words):
    """The error says what is wrong."""
    error = run_failing_job(url, "map", **members)

    assert error["code"] == "ValidationException"
    assert words in error["message"]


def test_a_stored_map_is_denied_without_permission_to_read():
    allow = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    with (
        Engine(policies=Policies({"Version": "2012-10-17", "Statement": [allow]})) as engine,
        serving(engine, console=ConsoleOptions()) as url,
    ):
        create_index(engine)
        put_vectors(engine, [("a", [1, 0], {})])
        assert run_job(url, "map")["keys"] == ["a"]
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3vectors:GetVectors",
            "Resource": "*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        engine.call("PutVectorBucketPolicy", {"vectorBucketName": "my-bucket", "policy": policy})

        error = run_failing_job(url, "map")

    assert error["code"] == "AccessDeniedException"


def test_a_map_reports_its_phases_in_order(empty_index):
    url, engine = empty_index
    put_vectors(engine, [("a", [1, 0], {}), ("b", [0, 1], {})])
    lines = read_stream(url, "/console/api/stream/map", json.dumps(PAGE).encode())

    assert lines[0]["progress"]["phase"] == "listing"
    assert "result" in lines[-1]


def test_maps_are_computed_one_after_the_other(empty_index, monkeypatch):
    """Each needs much memory and all processors."""
    url, engine = empty_index
    put_vectors(engine, [(f"k{n}", [n, 1.0], {}) for n in range(3)])
    drawing, most = [0], [0]
    draw = maps._draw

    def count(*arguments):
        drawing[0] += 1
        most[0] = max(most[0], drawing[0])
        for number in range(20):
            yield report("drawing", number)
        drawn = yield from draw(*arguments)
        drawing[0] -= 1
        return drawn

    monkeypatch.setattr(maps, "_draw", count)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: run_job(url, "map", refresh=True), range(8)))

    assert [len(result["points"]) for result in results] == [3] * 8
    assert most == [1]
