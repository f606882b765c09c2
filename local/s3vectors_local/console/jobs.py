"""What takes long: each job goes on step by step, so that it can be stopped between two."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, TypeAlias

from .members import Members
from .service import Service

Steps: TypeAlias = Generator[dict[str, Any], None, dict[str, Any]]
"""Yields its progress after each step, and returns its result."""

Job: TypeAlias = Callable[[Service, Members], Steps]

JOBS: Final[Mapping[str, Job]] = {}
"""By name."""
