"""The files of the page, all of them in the package."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""By the suffix of a file's name; other files are not served."""

PAGE: Final = "index.html"


def read_static(name: str) -> tuple[str, bytes] | None:
    """Return the content type and content of a file; None if it does not exist.

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
