"""Stache's own contract tests for document indexes, and the rest of its interface."""

from __future__ import annotations

import inspect

import pytest
from stache_ai.providers import base
from stache_ai.testing.document_index import DocumentIndexContractTest

from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex


class TestStachesContract(DocumentIndexContractTest):
    """The tests that Stache provides."""

    @pytest.fixture
    def provider(self, sqlite):
        """Return the document index under test."""
        return sqlite


def test_every_method_of_the_interface_is_implemented():
    """Stache's defaults are not enough: they count nothing and look nothing up."""
    methods = {
        name
        for name, value in vars(base.DocumentIndexProvider).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }

    assert len(methods) == 24
    assert methods <= vars(SQLiteDocumentIndex).keys()


def test_every_method_has_the_signature_of_the_interface():
    """Parameters have the same names and defaults."""
    for name, method in vars(base.DocumentIndexProvider).items():
        if not inspect.isfunction(method):
            continue
        theirs = inspect.signature(method).parameters
        ours = inspect.signature(getattr(SQLiteDocumentIndex, name)).parameters
        assert {word: ours[word].default for word in theirs} == {
            word: parameter.default for word, parameter in theirs.items()
        }


def test_the_index_has_a_name(sqlite):
    """Stache logs it."""
    assert sqlite.get_name() == "sqlite-document-index"
