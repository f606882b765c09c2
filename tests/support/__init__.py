"""What the tests share. README.md shows what replaces AWS, and what each folder is for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parents[1]
"""The folder on the path of each process that imports this package."""

ROOT: Final = TESTS.parent
"""The repository."""
