"""The virtual environments of what we are compared with; each is made when it is first wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
HOME: Final = ROOT / ".bench"
MOST_MEMORY: Final = 14 * 2**30
"""Bytes that one may take; without a limit, the operating system might end something else."""

NEEDED: Final = {
    "chromadb": ("chromadb==1.5.9",),
    "qdrant": ("qdrant-client==1.20.0",),
    "lancedb": ("lancedb==0.40.0", "pyarrow"),
    "moto": ("moto==5.2.5",),
    "plot": ("matplotlib==3.11.2",),
    "older": ("stache-ai-s3vectors==0.2.0", "stache-ai==0.3.0"),
    "langchain": ("langchain-aws==1.9.1",),
    "llamaindex": ("llama-index-vector-stores-s3==0.4.0",),
}
"""Environment → what is installed in it, with our own release of numpy."""

_INSTALLED: Final = (
    "import json; from importlib.metadata import distributions;"
    "print(json.dumps({d.name: d.version for d in distributions()}))"
)


def prepare(name: str | None) -> str:
    """The interpreter of an environment, made when missing; None is the one that runs this."""
    if name is None:
        return sys.executable
    home, needed = HOME / name, [f"numpy=={metadata.version('numpy')}", *NEEDED[name]]
    ready = home / "ready"
    if not ready.exists() or ready.read_text("utf-8").split() != needed:
        print(f"setting up {home.relative_to(ROOT)} (once)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)  # noqa: S603 - ours
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-qq"]
        subprocess.run([*pip, *needed], check=True)  # noqa: S603 - ours
        ready.write_text("\n".join(needed), "utf-8")
    return str(home / "bin" / "python")


def list_installed(name: str | None) -> dict[str, str]:
    """Each distribution of an environment, and its release."""
    command = [prepare(name), "-c", _INSTALLED]
    result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    releases: dict[str, str] = json.loads(result.stdout)
    return dict(sorted(releases.items()))
