"""Registration of the tests' own providers in Stache."""

from __future__ import annotations

from typing import Any

from stache_ai.providers import plugin_loader


def register_provider(kind: str, name: str, provider: type[Any]) -> None:
    """Register a provider in this process. Later tests also find it.

    Stache looks for installed providers of a kind only while it knows none. So this function loads
    them first: otherwise the test's provider would hide them from later tests.

    Args:
        kind: the plugin loader's name of the kind, for example embeddings.
        name: the provider's name in Stache's settings.
        provider: the provider's class.
    """
    plugin_loader.get_available_providers(kind)
    plugin_loader.register_provider(kind, name, provider)
