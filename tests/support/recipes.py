"""The recipes of the Terraform module's README: their code and their commands."""

from __future__ import annotations

import re
import shlex
from typing import Final

import terraform
from terraform import Workspace

README: Final = (terraform.MODULE / "README.md").read_text()
BUCKET: Final = f"stache-vectors-{terraform.ACCOUNT}"


def read_blocks(title: str, language: str) -> list[str]:
    """The code in a section."""
    section = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def read_usage() -> str:
    """What the README begins with."""
    blocks: list[str] = re.findall(r"```hcl\n(.*?)```", README, re.DOTALL)
    return blocks[0]


def read_commands(title: str, program: str = "terraform") -> list[list[str]]:
    """Those of a section that are of one program, without its name."""
    lines = "\n".join(read_blocks(title, "bash")).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith(program)]


def read_moves(to: str) -> list[list[str]]:
    """The commands that make what holds data `retained`, or `disposable`."""
    matching = [
        each for each in read_commands("Remove it") if "mv" in each and each[-1].endswith(f".{to}")
    ]
    assert matching
    return matching


def write_configuration(workspace: Workspace, *code: str) -> None:
    """The code that is in it from now on, with the module where it is here."""
    text = re.sub(r'source = ".*"', 'source = "../.."', "\n".join(code))
    (workspace.folder / "main.tf").write_text(text)
