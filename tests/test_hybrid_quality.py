"""The labelled set of bench/hybrid fits the reference of this Python, and its page its results."""

from __future__ import annotations

import json

from hybrid import quality


def test_every_question_has_an_answer_in_the_corpus():
    """Its phrase is in one chunk, or a few."""
    questions = quality.read_questions()

    right = quality.right_answers(quality.make_chunks(), questions)

    for question, numbers in zip(questions, right, strict=True):
        assert bool(numbers) is (question.phrase is not None)
        assert len(numbers) <= 3
    assert [question.kind for question in questions].count("names") == 22


def test_the_page_has_the_table_of_the_results():
    """As the script prints it."""
    results = json.loads(quality.RESULTS.read_text("utf-8"))

    assert quality.table(results) in (quality.HERE / "README.md").read_text("utf-8")
    for measured in results["embedders"].values():
        assert measured["stability"] == {"first": 0, "three": 0, "score": 0.0, "of": 54}
