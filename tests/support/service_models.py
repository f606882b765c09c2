"""The models of AWS's services, read once in a process instead of once a session.

Most tests create a session of their own. botocore reads and parses its data for each session,
which costs more than all else in a short test.
"""

from __future__ import annotations

import functools

import botocore.session
from botocore.loaders import Loader, create_loader


class _Paths(list[str]):
    """Search paths: every session of boto3's appends the same one."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


@functools.cache
def _create_shared_loader(search_paths: str | None = None) -> Loader:
    loader = create_loader(search_paths)
    loader._search_paths = _Paths(loader.search_paths)  # type: ignore[attr-defined]  # not in its stubs
    return loader


def share_loader() -> None:
    """Let the sessions of this process share a loader, one for each value of AWS_DATA_PATH."""
    botocore.session.create_loader = _create_shared_loader
