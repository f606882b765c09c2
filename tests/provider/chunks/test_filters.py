"""The provider's filters match metadata as the engine's filters match it in a query."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from s3vectors_local import Choices
from s3vectors_local.columns import Columns
from s3vectors_local.filters import parse
from stache_ai_s3vectors.chunks import filters

PRIMITIVES = st.one_of(st.sampled_from(["", "a", "ab"]), st.integers(0, 3), st.booleans())
LISTS = st.one_of(
    st.lists(st.sampled_from(["", "a", "ab"]), min_size=1, max_size=3),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
)
METADATA = st.dictionaries(st.sampled_from("xyz"), st.one_of(PRIMITIVES, st.floats(0, 3), LISTS))
OPERANDS = st.one_of(
    PRIMITIVES,
    st.lists(PRIMITIVES, min_size=1, max_size=3),
    st.fixed_dictionaries({"$eq": PRIMITIVES}),
    st.fixed_dictionaries({"$ne": PRIMITIVES}),
    st.fixed_dictionaries({"$in": st.lists(PRIMITIVES, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"$nin": st.lists(PRIMITIVES, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$startsWith": st.sampled_from(["", "a", "ab"])}),
    st.fixed_dictionaries({"$gt": st.integers(0, 3), "$lte": st.floats(0, 3)}),
    st.fixed_dictionaries({"$gte": st.integers(0, 3), "$lt": st.floats(0, 3)}),
)
LEAVES = st.dictionaries(st.sampled_from("xyz"), OPERANDS, min_size=1, max_size=3)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda parts: st.builds(
        lambda name, some: {name: some},
        st.sampled_from(["$and", "$or"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("choices", [Choices(), Choices("no-match", "any-element")])
@given(document=DOCUMENTS, metadata=METADATA)
@settings(max_examples=500)
def test_a_scan_returns_what_a_query_would_return(choices, document, metadata):
    """The provider's translation of a filter is valid for the service and has the same meaning.

    Negations of arrays are left out: AWS does not document them.
    """
    condition = filters.join_conditions(filters.parse_filter(document))
    arrays = any(isinstance(value, list) for value in metadata.values())
    assume(choices == Choices() or not (arrays and re.search(r"\$n(e|in)\b", str(document))))

    columns = Columns(choices)
    columns.put([0], [metadata], 1)
    [passes] = columns.match(parse(condition, frozenset(), enhanced=True), 1)

    assert filters.build_predicate(condition)(metadata) == passes
