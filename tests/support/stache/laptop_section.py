"""The commands and `.env` files of docs/laptop.md."""

from __future__ import annotations

import re

from support import ROOT


def find_blocks(page: str, title: str, language: str) -> list[str]:
    """Return the code blocks of a language in a section of a page."""
    section = (ROOT / page).read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


INSTALL, START, CALLS = find_blocks("docs/laptop.md", "Set it up", "bash")
[DOT_ENV] = find_blocks("docs/laptop.md", "Set it up", "dotenv")
ENGINE, WORKERS = find_blocks("docs/laptop.md", "Several workers", "bash")
[CHANGES] = find_blocks("docs/laptop.md", "Several workers", "dotenv")
ADD, ASK, LIST = CALLS.splitlines()


def change_settings(dot_env: str, changes: str) -> str:
    """Apply changes to the lines of a `.env` file."""
    settings = [line for line in (dot_env + changes).splitlines() if not line.startswith("#")]
    latest = {line.partition("=")[0]: line for line in settings}
    return "".join(f"{line}\n" for line in latest.values())
