"""A package that Stache finds by its entry point, in a folder for PYTHONPATH."""

from __future__ import annotations

from pathlib import Path

_SUPPORT = Path(__file__).parent


def write_package(directory: Path, group: str, name: str, target: str) -> None:
    """Make a package of a module of this folder.

    Args:
        directory: where.
        group: of Stache's entry points, for example stache.embeddings.
        name: as Stache's settings have it.
        target: module:class.
    """
    module = target.partition(":")[0]
    (directory / f"{module}.py").write_text((_SUPPORT / f"{module}.py").read_text())
    info = directory / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
