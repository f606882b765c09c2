"""The labelled questions of bench/hybrid fit this Python's reference; results are stable."""

from __future__ import annotations

import measure_hybrid
import pages


def test_every_question_has_an_answer_in_the_corpus():
    """Its phrase is in one to three chunks."""
    questions = measure_hybrid.read_questions()

    right = measure_hybrid.find_answers(measure_hybrid.make_chunks(), questions)

    for question, numbers in zip(questions, right, strict=True):
        assert bool(numbers) is (question.phrase is not None)
        assert len(numbers) <= 3
    assert [question.kind for question in questions].count("names") == 22


def test_more_results_do_not_change_the_first_ones():
    """This was measured with each embedder."""
    for measured in pages.load_results()["hybrid"]["embedders"].values():
        assert measured["stability"] == {"first": 0, "three": 0, "score": 0.0, "of": 54}
