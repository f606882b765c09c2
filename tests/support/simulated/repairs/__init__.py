"""What moto 5.2.5 does otherwise than AWS, where our deployments notice, put right.

Each function mends one thing and says which.
"""

from __future__ import annotations

from functools import cache

from . import rights, rollback, stacks, tags, updates, versions


@cache
def apply() -> None:
    """Mend all of it, once in a process."""
    for part in (rights, tags, stacks, updates, rollback, versions):  # tags inside of the transform
        part.apply()
