"""The jobs that the page can start, by name; `application` has the one with a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from .browsing import browse, count_vectors, describe_metadata
from .members import Members
from .queries import explain, query
from .service import Service
from .steps import Steps

Job: TypeAlias = Callable[[Service, Members], Steps]

JOBS: Final[Mapping[str, Job]] = {
    "count": count_vectors,
    "browse": browse,
    "metadata": describe_metadata,
    "query": query,
    "why": explain,
}
