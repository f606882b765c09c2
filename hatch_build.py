"""The description for a package index: README.md, whose relative links lead nowhere there.

With a `Source` among the project's URLs, links and pictures point into that repository. Without
one, links become plain text and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")
MARK: Final = re.compile(r"<!-- .*? -->", re.DOTALL)


class ReadmeHook(MetadataHookInterface):
    """Hatchling calls it for each build."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": resolve_links(MARK.sub("", text), source),
        }


def resolve_links(text: str, source: str | None) -> str:
    """Make relative links absolute, or remove them.

    Args:
        text: Markdown.
        source: the repository's address, if any.
    """

    def resolve(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if source is None:
            return "" if picture else label
        kind = "raw" if picture else "blob"
        return f"{picture}[{label}]({source.rstrip('/')}/{kind}/main/{target})"

    return LINK.sub(resolve, text)
