"""Metadata of a wheel for a package index: the project's links, and its README.md.

The release workflow sets the environment variable STACHE_S3VECTORS_REPOSITORY_URL to the
repository's address. With it, the wheel has project links, and the relative links and pictures of
the README lead into the repository. Without it, these links become plain text and the pictures are
left out: on a package index, they would lead nowhere.

Each of the two packages has this file, so that each can be built alone. The two files are equal.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE: Final = "STACHE_S3VECTORS_REPOSITORY_URL"
LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:)([^)]+)\)")
MARK: Final = re.compile(r"<!-- .*? -->", re.DOTALL)


class PackageIndexHook(MetadataHookInterface):
    """Hatchling calls it for each build; its option `folder` is that of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description and the links.

        Raises:
            ValueError: the address does not begin with https://.
        """
        repository = os.environ.get(VARIABLE, "").rstrip("/")
        if repository and not repository.startswith("https://"):
            raise ValueError(f"{VARIABLE} is {repository!r}; it must begin with https://")
        text = MARK.sub("", (Path(self.root) / "README.md").read_text("utf-8"))
        folder = self.config.get("folder", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": resolve_links(text, repository, folder),
        }
        metadata["urls"] = list_urls(repository, folder) if repository else {}


def list_urls(repository: str, folder: str) -> dict[str, str]:
    """Return the project's links, by their labels."""
    pages = f"{repository}/blob/main"
    return {
        "Documentation": f"{pages}/{folder}README.md",
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{pages}/CHANGELOG.md",
    }


def resolve_links(text: str, repository: str, folder: str = "") -> str:
    """Make relative links absolute, or remove them.

    Args:
        text: of a README.md.
        repository: its address; "" if it is not known.
        folder: where the file is in the repository, with a "/" at its end.
    """

    def resolve(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if not repository:
            return "" if picture else label
        kind = "raw" if picture else "blob"
        page = f"{repository}/{kind}/main/{folder}README.md"
        return f"{picture}[{label}]({urljoin(page, target)})"

    return LINK.sub(resolve, text)
