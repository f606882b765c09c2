"""The nearest rows equal those of an exact comparison of all rows, bit for bit."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3vectors_local import matrix
from s3vectors_local.distance import measure_distances
from s3vectors_local.matrix import Matrix

METRICS = ("cosine", "euclidean")


def draw_gaussian(generator, count, dimension):
    return generator.normal(size=(count, dimension))


def clustered(generator, count, dimension):
    centres = 3 * generator.normal(size=(10, dimension))
    return centres[generator.integers(0, 10, count)] + generator.normal(size=(count, dimension))


def with_outliers(generator, count, dimension):
    vectors = generator.normal(size=(count, dimension))
    vectors[:, 0] *= 100
    vectors[::7] *= 1e3
    return vectors


def repeated(generator, count, dimension):
    return draw_gaussian(generator, 20, dimension)[generator.integers(0, 20, count)]


def tiny(generator, count, dimension):
    return draw_gaussian(generator, count, dimension) * 1e-39


def huge(generator, count, dimension):
    return draw_gaussian(generator, count, dimension) * 1e37


SHAPES = (draw_gaussian, clustered, with_outliers, repeated, tiny, huge)


@pytest.fixture(params=["quantized", "float32"], autouse=True)
def _quantized(request, monkeypatch):
    """Run small sets through the steps of large ones, or not."""
    monkeypatch.setattr(matrix, "_QUANTIZE_FROM", 1 if request.param == "quantized" else 10**9)
    monkeypatch.setattr(
        matrix._QuantizedRows, "record_search", lambda _: True
    )  # from the first search


def fill_matrix(metric, vectors):
    matrix_ = Matrix(vectors.shape[1], metric)
    matrix_.write(np.arange(len(vectors)), vectors)
    return matrix_


def rank_exactly(metric, vectors, query, rows):
    """Return all rows, nearest first, compared in float64."""
    distances = measure_distances(vectors, rows, query, metric)
    order = np.argsort(distances, kind="stable")
    return rows[order], distances[order]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.02])
def test_the_nearest_rows_equal_those_of_an_exact_comparison(metric, shape, share):
    """The search is among all rows, half of them or a few, for one result and many."""
    generator = np.random.default_rng(7)
    for dimension in (1, 3, 64, 1024):
        vectors = shape(generator, 600, dimension).astype(np.float32)
        filled_matrix = fill_matrix(metric, vectors)
        rows = np.flatnonzero(generator.random(600) < share)
        for query in shape(generator, 3, dimension).astype(np.float32):
            expected, distances = rank_exactly(metric, vectors, query, rows)
            for count in (1, 10, len(rows) - 1, len(rows), 1000):
                results, nearest = filled_matrix.find_nearest(query, count, rows)
                assert results.tolist() == expected[:count].tolist()
                assert nearest.tolist() == distances[:count].tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_a_vector_is_nearest_to_itself_however_short(metric):
    """Its squares may leave the range of float32."""
    generator = np.random.default_rng(9)
    for scale in (1e-15, 1e-20, 1e-22, 1e-30, 1e-40):
        vectors = (draw_gaussian(generator, 40, 16) * scale).astype(np.float32)
        filled_matrix = fill_matrix(metric, vectors)
        for row in range(40):
            assert filled_matrix.find_nearest(vectors[row], 1, np.arange(40))[0].tolist() == [row]


def test_near_duplicates_are_distinguished():
    """If the float32 vectors differ, their float64 distances decide."""
    generator = np.random.default_rng(10)
    base = generator.normal(size=384)
    vectors = (base + 1e-4 * generator.normal(size=(3000, 384))).astype(np.float32)
    query = (base + 1e-4 * generator.normal(size=384)).astype(np.float32)
    wide, wide_query = vectors.astype(np.longdouble), query.astype(np.longdouble)
    lengths = np.sqrt((wide**2).sum(axis=1) * (wide_query**2).sum())
    expected = 1 - (wide * wide_query).sum(axis=1) / lengths

    results, distances = fill_matrix("cosine", vectors).find_nearest(query, 10, np.arange(3000))

    assert results.tolist() == np.argsort(expected)[:10].tolist()
    assert distances == pytest.approx(expected[results].astype(float), rel=1e-6)


def test_the_first_search_quantizes_nothing(monkeypatch):
    """A process may search only once. The second search has the same result."""
    monkeypatch.undo()
    vectors = clustered(np.random.default_rng(11), 3000, 8).astype(np.float32)
    filled_matrix = fill_matrix("cosine", vectors)

    first = filled_matrix.find_nearest(vectors[0], 5, np.arange(3000))
    assert len(filled_matrix._quantized._bytes) == 0
    second = filled_matrix.find_nearest(vectors[0], 5, np.arange(3000))
    assert len(filled_matrix._quantized._bytes) >= 3000
    assert [part.tolist() for part in first] == [part.tolist() for part in second]


@pytest.mark.parametrize("metric", METRICS)
def test_overwritten_and_added_vectors_are_found(metric):
    """Growth moves the rows, and the quantized rows with them."""
    generator = np.random.default_rng(8)
    vectors = draw_gaussian(generator, 400, 16).astype(np.float32)
    filled_matrix = fill_matrix(metric, vectors[:100])
    query = vectors[0]
    filled_matrix.find_nearest(query, 5, np.arange(100))

    filled_matrix.write(np.arange(100, 400), vectors[100:])
    vectors[50:60] = vectors[300:310] * 2
    filled_matrix.write(np.arange(50, 60), vectors[50:60])

    results, _ = filled_matrix.find_nearest(query, 20, np.arange(400))
    assert results.tolist() == rank_exactly(metric, vectors, query, np.arange(400))[0][:20].tolist()


def test_a_zero_vector_is_at_its_euclidean_distance():
    vectors = np.zeros((50, 4), np.float32)
    vectors[7] = [3, 4, 0, 0]
    filled_matrix = fill_matrix("euclidean", vectors)

    results, distances = filled_matrix.find_nearest(
        np.array([3, 4, 0, 0], np.float32), 3, np.arange(50)
    )

    assert results.tolist() == [7, 0, 1]
    assert distances.tolist() == [0, 5, 5]


@settings(max_examples=60)
@given(
    metric=st.sampled_from(METRICS),
    seed=st.integers(0, 2**32),
    scale=st.integers(-37, 36),
    count=st.integers(1, 60),
)
def test_any_scale_gives_the_exact_result(metric, seed, scale, count):
    """The smallest floats to the largest are mixed."""
    generator = np.random.default_rng(seed)
    scales = 10.0 ** generator.integers(min(scale, 0), max(scale, 1), (80, 1))
    vectors = (generator.normal(size=(80, 5)) * scales).astype(np.float32)
    vectors[np.abs(vectors).max(axis=1) == 0] = 1
    query = vectors[0] * np.float32(0.5)
    query = query if query.any() else vectors[0]

    results, _ = fill_matrix(metric, vectors).find_nearest(query, count, np.arange(80))

    assert (
        results.tolist() == rank_exactly(metric, vectors, query, np.arange(80))[0][:count].tolist()
    )


@settings(max_examples=80)
@given(data=st.data(), metric=st.sampled_from(METRICS), seed=st.integers(0, 2**32))
def test_after_any_puts_and_drops_the_remaining_vectors_are_found(data, metric, seed):
    """There are gaps, reused rows and released memory."""
    generator = np.random.default_rng(seed)
    expected: dict[int, np.ndarray] = {}
    tested = Matrix(4, metric)
    with mock.patch.object(matrix, "_COMPACT_FROM", 8):
        for _ in range(data.draw(st.integers(1, 6))):
            rows = sorted(data.draw(st.sets(st.integers(0, 60), min_size=1)))
            if data.draw(st.booleans()):
                vectors = draw_gaussian(generator, len(rows), 4).astype(np.float32)
                tested.write(np.array(rows), vectors)
                expected |= dict(zip(rows, vectors, strict=True))
            else:
                dropped = [row for row in rows if row in expected]
                tested.drop(dropped)
                expected = {row: vector for row, vector in expected.items() if row not in dropped}
            if not expected:
                continue
            query = draw_gaussian(generator, 1, 4).astype(np.float32)[0]
            rows = sorted(expected)
            among = np.array([expected[row] for row in rows])
            expected_rows, distances = rank_exactly(metric, among, query, np.arange(len(rows)))
            for count in (1, 3, len(rows), 100):
                results, nearest = tested.find_nearest(query, count, np.array(rows))
                assert results.tolist() == [rows[at] for at in expected_rows[:count]]
                assert nearest.tolist() == distances[:count].tolist()


def test_memory_depends_on_the_number_of_vectors():
    """It does not depend on their rows."""
    vectors = draw_gaussian(np.random.default_rng(1), 10_000, 8).astype(np.float32)
    filled_matrix = fill_matrix("cosine", vectors)
    filled_matrix.find_nearest(vectors[0], 5, np.arange(10_000))

    for start in range(0, 9_900, 100):
        filled_matrix.drop(list(range(start, start + 100)))

    assert len(filled_matrix._values) < 2 * matrix._COMPACT_FROM
    assert filled_matrix.find_nearest(vectors[9_950], 1, np.arange(9_900, 10_000))[0].tolist() == [
        9_950
    ]
    late = Matrix(8, "cosine")
    late.write(np.array([5, 1_000_000]), vectors[:2])
    assert len(late._values) < 10
