"""Engines with an index, and servers of their consoles."""

from __future__ import annotations

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.console.options import ConsoleOptions
from support.console.client import (
    create_index,
    put_vectors,
)
from support.console.index import COUNT, TEXTS, VECTORS, make_key


@pytest.fixture(scope="session")
def engine():
    """Return an engine with 20,000 vectors, every tenth of which is a note."""
    with Engine() as engine:
        create_index(engine, 4, metadataConfiguration=TEXTS)
        put_vectors(
            engine,
            [
                (
                    make_key(n),
                    VECTORS[n],
                    {
                        "n": n,
                        "kind": "note" if n % 10 == 0 else "page",
                        "text": f"words about {n}" + (" zebra" if n % 5000 == 3 else ""),
                        **({"tags": ["a", "b"]} if n % 100 == 0 else {}),
                    },
                )
                for n in range(COUNT)
            ],
        )
        yield engine


@pytest.fixture(scope="session")
def url(engine):
    """Serve the engine."""
    with serving(engine, console=ConsoleOptions()) as url:
        yield url


@pytest.fixture
def one_vector():
    """Serve an engine with one vector; return the URL and the engine."""
    with Engine() as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine, metadataConfiguration=TEXTS)
        put_vectors(engine, [("only", [1, 0], {"text": "one word", "n": 1})])
        yield url, engine
