"""Stache's own contract tests for document indexes, and what its interface asks for besides."""

from __future__ import annotations

import inspect

import pytest
from stache_ai.providers import base
from stache_ai.testing.document_index import DocumentIndexContractTest

from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex


class TestStachesContract(DocumentIndexContractTest):
    """As Stache wrote them."""

    @pytest.fixture
    def provider(self, sqlite):
        """The document index under test."""
        return sqlite


def test_every_method_of_the_interface_is_ours():
    """None is inherited: Stache's defaults count nothing and look nothing up."""
    methods = {
        name
        for name, value in vars(base.DocumentIndexProvider).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }

    assert len(methods) == 24
    assert methods <= vars(SQLiteDocumentIndex).keys()


def test_every_method_takes_what_the_interface_says():
    """By the same names, with the same defaults."""
    for name, method in vars(base.DocumentIndexProvider).items():
        if not inspect.isfunction(method):
            continue
        theirs = inspect.signature(method).parameters
        ours = inspect.signature(getattr(SQLiteDocumentIndex, name)).parameters
        assert {word: ours[word].default for word in theirs} == {
            word: parameter.default for word, parameter in theirs.items()
        }


def test_its_name_says_what_it_is(sqlite):
    """Stache logs it."""
    assert sqlite.get_name() == "sqlite-document-index"
