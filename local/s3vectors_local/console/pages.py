"""The files of the page: those that are in the package, and nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""By what a file's name ends with; others are not served."""

PAGE: Final = "index.html"


def read_static(name: str) -> tuple[str, bytes] | None:
    """The content type of a file and what is in it; None when there is no such file.

    A name is looked up among those of the files; it is never made into a path.
    """
    kind = _TYPES.get(name.rpartition(".")[2])
    folder = files("s3vectors_local.console") / "static"
    if kind is None or not folder.is_dir():
        return None
    for file in folder.iterdir():
        if file.name == name and file.is_file():
            return kind, file.read_bytes()
    return None
