"""Providers of tests, beside those that Stache finds."""

from __future__ import annotations

from typing import Any

from stache_ai.providers import plugin_loader


def register(kind: str, name: str, provider: type[Any]) -> None:
    """Register a provider in this process, where later tests find it, too.

    Stache looks for installed providers of a kind only while it knows none: a provider that a
    test registers first would hide them from later tests.

    Args:
        kind: as Stache's plugin loader has it, for example embeddings.
        name: as Stache's settings have it.
        provider: its class.
    """
    plugin_loader.get_available_providers(kind)
    plugin_loader.register_provider(kind, name, provider)
