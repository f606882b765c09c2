"""A cache of botocore's service models for all sessions of a process.

Most tests create a session. botocore reads and parses its data for each session, which takes longer
than the rest of a short test.
"""

from __future__ import annotations

import functools

import botocore.session
from botocore.loaders import Loader, create_loader


class _Paths(list[str]):
    """Search paths without duplicates: each boto3 session appends the same path."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


@functools.cache
def _create_shared_loader(search_paths: str | None = None) -> Loader:
    loader = create_loader(search_paths)
    loader._search_paths = _Paths(loader.search_paths)  # type: ignore[attr-defined]  # missing in the stubs
    return loader


def share_loader() -> None:
    """Let all sessions of this process share a loader, one for each value of AWS_DATA_PATH."""
    botocore.session.create_loader = _create_shared_loader
