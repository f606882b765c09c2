"""Corrections of moto 5.2.5 where it differs from AWS, as far as our deployments notice.

Each function corrects one fault. Its docstring describes the fault.
"""

from __future__ import annotations

from functools import cache

from . import iam, rollback, stacks, tags, updates, versions


@cache
def apply() -> None:
    """Apply all repairs, once in a process."""
    # Later patches run first: `stacks` applies the SAM transform before `tags` adds tags
    for module in (iam, tags, stacks, updates, rollback, versions):
        module.apply()
