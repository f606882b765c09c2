"""Builds the website from the pages where they are in the repository; MkDocs runs this.

MkDocs expects all pages in one folder. This hook gives it the pages of the navigation, and the
pictures, by their paths in the repository, so that their links work in both places. The website has
no other files: links to them become plain text. Links to what does not exist stay, and MkDocs
reports them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ("bench/results/*.svg", "docs/images/*.png")
LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Replace the files of `docs_dir`; the others are the theme's."""
    theirs = [file for file in files if file.src_dir != config.docs_dir]
    pictures = [
        path.relative_to(ROOT).as_posix() for pattern in PICTURES for path in ROOT.glob(pattern)
    ]
    ours = [
        File.generated(config, path, abs_src_path=str(ROOT / path))
        for path in [*list_pages(config.nav), *pictures]
    ]
    return Files([*theirs, *ours])


def list_pages(nav: Any) -> Iterator[str]:
    """List the pages of a navigation."""
    for entry in nav:
        [value] = entry.values()
        if isinstance(value, list):
            yield from list_pages(value)
        else:
            yield value


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: Any) -> str:
    """Unlink what the website does not have."""
    folder = posixpath.dirname(page.file.src_uri)

    def unlink(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        is_page = files.get_file_from_path(target) is not None
        return match[0] if is_page or not (ROOT / target).exists() else match[1]

    return LINK.sub(unlink, markdown)
