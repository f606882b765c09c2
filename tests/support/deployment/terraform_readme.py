"""The code blocks and commands in the README of the Terraform module."""

from __future__ import annotations

import re
import shlex
from typing import Final

from support.deployment import terraform
from support.deployment.terraform import Workspace

README: Final = (terraform.MODULE / "README.md").read_text()
BUCKET: Final = f"stache-vectors-{terraform.ACCOUNT}"


def read_blocks(title: str, language: str) -> list[str]:
    """Read the code blocks of a language in a section."""
    section = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def read_usage() -> str:
    """Read the first block, the example of the module's use."""
    blocks: list[str] = re.findall(r"```hcl\n(.*?)```", README, re.DOTALL)
    return blocks[0]


def read_commands(title: str, program: str = "terraform") -> list[list[str]]:
    """Read the arguments of a program's commands in a section."""
    lines = "\n".join(read_blocks(title, "bash")).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith(program)]


def read_moves(target: str) -> list[list[str]]:
    """Read the `state mv` commands that make resources `retained` or `disposable`."""
    moves = [
        command
        for command in read_commands("Remove it")
        if "mv" in command and command[-1].endswith(f".{target}")
    ]
    assert moves
    return moves


def write_configuration(workspace: Workspace, *code: str) -> None:
    """Replace the code of a workspace. The module's source becomes that of this tree."""
    text = re.sub(r'source = ".*"', 'source = "../.."', "\n".join(code))
    (workspace.folder / "main.tf").write_text(text)
