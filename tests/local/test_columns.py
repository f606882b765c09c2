"""Columns: filters match correctly when values are added, changed and removed."""

from __future__ import annotations

import pytest

from s3vectors_local import Choices
from s3vectors_local.columns import Columns, Vocabulary
from s3vectors_local.filters import Comparison

ROWS = 5000


def find_rows(columns, key, operator, operand, count=ROWS):
    """Return the rows that match one comparison."""
    return columns.match(Comparison(key, operator, operand), count).nonzero()[0].tolist()


@pytest.mark.parametrize("every", [1, 7, 1000], ids=["dense", "some", "sparse"])
def test_a_sparse_or_dense_column_is_correct(every):
    """It is a dictionary or an array, and values are overwritten and dropped in both."""
    columns = Columns(Choices())
    rows = list(range(0, ROWS, every))
    for start in range(0, len(rows), 100):
        part = rows[start : start + 100]
        columns.put(part, [{"n": row % 3, "other": "x"} for row in part], ROWS)

    assert find_rows(columns, "n", "$eq", 1) == [row for row in rows if row % 3 == 1]
    assert find_rows(columns, "n", "$exists", operand=False) == sorted({*range(ROWS)} - {*rows})

    columns.drop(rows[:2])
    columns.put(rows[1:2], [{"n": 9}], ROWS)
    assert find_rows(columns, "n", "$gt", 2) == rows[1:2]
    assert find_rows(columns, "other", "$eq", "x") == rows[2:]


def test_a_sparse_column_becomes_dense_when_it_fills():
    """Its values stay."""
    columns = Columns(Choices())
    columns.put([4999], [{"n": "last"}], ROWS)
    columns.put(list(range(4000)), [{"n": "first"}] * 4000, ROWS)

    assert find_rows(columns, "n", "$eq", "last") == [4999]
    assert len(find_rows(columns, "n", "$eq", "first")) == 4000


def test_an_unused_key_is_removed():
    """A key that appears and disappears with one vector uses no memory."""
    columns = Columns(Choices())
    for number in range(100):
        columns.put([number], [{f"key-{number}": 1}], ROWS)

    columns.drop(list(range(100)))

    assert columns._columns == {}


@pytest.mark.parametrize("rows", [range(ROWS), range(0, ROWS, 1000)], ids=["dense", "sparse"])
def test_unused_values_are_removed(rows):
    """A value that changes with every write does not fill the memory."""
    columns = Columns(Choices())
    rows = list(rows)
    for turn in range(40 if len(rows) == ROWS else 2000):
        columns.drop(rows)
        values = [{"at": [f"{turn}", f"{row}"] if row % 2 else f"{turn}-{row}"} for row in rows]
        columns.put(rows, values, ROWS)

    assert len(columns._columns["at"].vocabulary) < 6 * len(rows) + 3000
    assert find_rows(columns, "at", "$eq", f"{turn}-{rows[2]}") == [rows[2]]
    assert find_rows(columns, "at", "$startsWith", f"{turn - 1}-") == []
    odd = [row for row in rows if row % 2]
    assert find_rows(columns, "at", "$eq", f"{turn}") == odd


def test_integers_beyond_the_precision_of_floats_are_distinguished():
    """Every comparison does so, even beyond the range of floats."""
    columns = Columns(Choices())
    numbers = [2**53, 2**53 + 1, 10**400, -(10**400), 0.5]
    columns.put(list(range(5)), [{"n": number} for number in numbers], 5)

    assert find_rows(columns, "n", "$gt", 2**53, 5) == [1, 2]
    assert find_rows(columns, "n", "$gte", 2**53 + 1, 5) == [1, 2]
    assert find_rows(columns, "n", "$lt", 2**53 + 1, 5) == [0, 3, 4]
    assert find_rows(columns, "n", "$lte", -(10**400), 5) == [3]
    assert find_rows(columns, "n", "$eq", 2**53 + 1, 5) == [1]


def test_a_vocabulary_numbers_equal_values_equally():
    """1 and 1.0 are one value; true and 1 are two."""
    vocabulary = Vocabulary()

    codes = [vocabulary.assign_code(value) for value in (1, 1.0, True, "1", [1], [1.0], False, 0)]

    assert codes[0] == codes[1]
    assert codes[4] == codes[5]
    assert len(set(codes)) == 6
