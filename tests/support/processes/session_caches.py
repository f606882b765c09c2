"""Caches that all of botocore's sessions in a process share: service models and event names.

Most tests create a session and a client. Without the caches, that takes longer than the rest of a
short test. The results are the same.
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
_alias_names: Final[dict[str, str]] = {}
"""The cached aliases of event names."""


class _Paths(list[str]):
    """Search paths without duplicates: each boto3 session appends the same path."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


def share_caches() -> None:
    """Let all sessions of this process use the caches."""
    botocore.session.create_loader = _create_shared_loader
    botocore.hooks.accepts_kwargs = _accepts_any_keyword  # type: ignore[assignment]  # botocore uses the result as a bool
    EventAliaser.__init__ = _create_aliaser_with_cache  # type: ignore[method-assign]


@functools.cache
def _create_shared_loader(search_paths: str | None = None) -> Loader:
    """Create a loader of service models, one for each value of AWS_DATA_PATH."""
    loader = create_loader(search_paths)
    loader._search_paths = _Paths(loader.search_paths)  # type: ignore[attr-defined]  # missing in the stubs
    return loader


def _accepts_any_keyword(handler: Callable[..., Any]) -> bool:
    """Whether a handler has `**kwargs`. Its code has a flag, which is faster than its signature."""
    code = getattr(handler, "__code__", None)
    return bool(code.co_flags & inspect.CO_VARKEYWORDS if code else _accepts_kwargs(handler))


def _create_aliaser_with_cache(self: Any, *arguments: Any, **options: Any) -> None:
    _create_aliaser(self, *arguments, **options)
    if self._event_aliases == botocore.hooks.EVENT_ALIASES:
        self._alias_name_cache = _alias_names
