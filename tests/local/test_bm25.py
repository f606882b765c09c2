"""BM25 as Lucene computes it, compared with an independent implementation (bm25s)."""

from __future__ import annotations

from contextlib import closing, contextmanager

import bm25s
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local.bm25 import Ranking
from s3vectors_local.storage import Storage
from s3vectors_local.table import VectorTable

WORDS = [f"w{number}" for number in range(12)]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=25)
QUESTIONS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True)


@pytest.fixture(params=[1, 1000], ids=["narrowing", "not narrowing"])
def _narrowing(request, monkeypatch):
    """Score common words for the candidates only, or for all texts."""
    monkeypatch.setattr("s3vectors_local.bm25._MIN_TEXTS_TO_NARROW", request.param)


@contextmanager
def open_table(texts):
    """Open a text table whose rows had other texts before."""
    with closing(Storage(None)) as storage:
        table = VectorTable(storage, 1)
        table.create_text(0, "ascii")
        entries = [(row, " ".join(text)) for row, text in enumerate(texts)]
        table.put_text(0, [(row, "w0 w1 w11") for row in range(len(texts) + 3)])
        table.put_text(0, [*entries, *((row, "") for row in range(len(texts), len(texts) + 3))])
        yield table


def search_table(texts, question, *arguments):
    """Return the ranking of such a table's rows."""
    with open_table(texts) as table:
        return table.search_text(0, quote(question), *arguments)


def quote(question):
    return [f'"{word}"' for word in question]


def compute_expected(texts, question):
    """Return rows and scores from bm25s, best first."""
    model = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    model.index(texts, show_progress=False)
    known = {word for text in texts for word in text}
    scores = model.get_scores([word for word in question if word in known] or ["none"])
    rows = [row for row, text in enumerate(texts) if set(text) & set(question)]
    return sorted(((row, float(scores[row])) for row in rows), key=lambda pair: -pair[1])


def check_equal(ranking, expected):
    """Check that scores and order are equal, apart from rows with equal scores."""
    assert [score for _, score in ranking] == pytest.approx([s for _, s in expected], rel=1e-12)
    by_row = dict(expected)
    assert [by_row[row] for row, _ in ranking] == pytest.approx([s for _, s in ranking], rel=1e-12)


@pytest.mark.usefixtures("_narrowing")
@given(TEXTS, QUESTIONS, st.sampled_from([-1, 1, 3, 100]))
def test_scores_and_order_equal_those_of_an_independent_implementation(texts, question, count):
    """The rows may have had other texts before."""
    ranking = search_table(texts, question, count, None)

    expected = compute_expected(texts, question)
    assert len({row for row, _ in ranking}) == len(ranking)
    check_equal(ranking, expected if count < 0 else expected[:count])


@pytest.mark.usefixtures("_narrowing")
@given(TEXTS, QUESTIONS, st.sampled_from([-1, 1, 3]), st.randoms(use_true_random=False))
def test_a_filter_changes_neither_scores_nor_order(texts, question, count, random):
    """It excludes rows, but word frequencies are those of all texts."""
    allowed = bytes(random.choices([0, 1], k=len(texts) + 3))

    ranking = search_table(texts, question, count, allowed)

    expected = [pair for pair in compute_expected(texts, question) if allowed[pair[0]]]
    check_equal(ranking, expected if count < 0 else expected[:count])


def test_common_words_are_scored_only_for_candidates(monkeypatch):
    """Other texts cannot be among the best."""
    monkeypatch.setattr("s3vectors_local.bm25._MIN_TEXTS_TO_NARROW", 1)
    with open_table([["w0", "w1"]] * 5 + [["w0"]] * 500) as table:
        ranking = Ranking(table.storage.read, table._name_text_table(0), 3, None)

        best = ranking.rank(['"w0"', '"w1"'])

    assert [row for row, _ in best] == [0, 1, 2]
    assert (ranking._scores > 0).sum() == 5


def test_equal_scores_are_ordered_by_row():
    """This holds where the count cuts between them."""
    ranking = search_table([["w0", "w1"]] * 50, ["w0", "w1"], 7, None)

    assert [row for row, _ in ranking] == list(range(7))
