"""What botocore's sessions work out again and again, worked out once in a process.

Most tests create a session and a client of their own. Without this, that costs more than all else
in a short test. The results are the same.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

import botocore.hooks
import botocore.session
from botocore.hooks import EventAliaser
from botocore.loaders import Loader, create_loader

_accepts_kwargs = botocore.hooks.accepts_kwargs
_create_aliaser = EventAliaser.__init__
_names: Final[dict[str, str]] = {}
"""The aliases of the names of events."""


class _Paths(list[str]):
    """Search paths: every session of boto3's appends the same one."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


def share_results() -> None:
    """Share them between the sessions of this process."""
    botocore.session.create_loader = _create_shared_loader
    botocore.hooks.accepts_kwargs = _read_flag  # type: ignore[assignment]  # it uses the result as a bool
    EventAliaser.__init__ = _create_sharing_aliaser  # type: ignore[method-assign]


@functools.cache
def _create_shared_loader(search_paths: str | None = None) -> Loader:
    """Create a loader of service models, one for each value of AWS_DATA_PATH."""
    loader = create_loader(search_paths)
    loader._search_paths = _Paths(loader.search_paths)  # type: ignore[attr-defined]  # not in its stubs
    return loader


def _read_flag(handler: Callable[..., Any]) -> bool:
    """Whether a handler takes any keyword: its code says so, without parsing its signature."""
    code = getattr(handler, "__code__", None)
    return bool(code.co_flags & inspect.CO_VARKEYWORDS if code else _accepts_kwargs(handler))


def _create_sharing_aliaser(self: Any, *arguments: Any, **options: Any) -> None:
    _create_aliaser(self, *arguments, **options)
    if self._event_aliases == botocore.hooks.EVENT_ALIASES:
        self._alias_name_cache = _names
