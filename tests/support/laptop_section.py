"""The README's section about a laptop: its commands and its `.env`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_README: Final = (Path(__file__).parents[2] / "README.md").read_text()
SECTION: Final = _README.partition("## With Stache, on a laptop\n")[2].partition("\n## ")[0]


def find_blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


INSTALL, START, CALLS, ENGINE, WORKERS = find_blocks("bash")
DOT_ENV, CHANGES = find_blocks("dotenv")
ADD, ASK, LIST = CALLS.splitlines()


def change(dot_env: str, changes: str) -> str:
    """The lines of `.env`, with those that are changed."""
    settings = [line for line in (dot_env + changes).splitlines() if not line.startswith("#")]
    latest = {line.partition("=")[0]: line for line in settings}
    return "".join(f"{line}\n" for line in latest.values())
