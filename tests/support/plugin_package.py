"""A package that Stache finds by its entry point, in a folder on PYTHONPATH."""

from __future__ import annotations

from pathlib import Path

_SUPPORT = Path(__file__).parent


def write_package(directory: Path, group: str, name: str, target: str) -> None:
    """Write a package with one module of tests/support.

    Args:
        directory: the folder to write to.
        group: the group of the entry point, for example stache.embeddings.
        name: the provider's name in Stache's settings.
        target: the provider, as module:class.
    """
    module = target.partition(":")[0]
    (directory / f"{module}.py").write_text((_SUPPORT / f"{module}.py").read_text())
    info = directory / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
