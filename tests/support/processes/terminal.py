"""Commands in a real terminal, and documents that show their output.

    PYTHONPATH=tests python -m support.processes.terminal FILE.md

This runs every command of the document's `console` blocks, in order, in one empty directory, and
writes the output below each command. A test compares. The commands use the `stache-s3vectors` of
this environment.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pyte

from support import ROOT, plugin_package

COLUMNS: Final = 1000
LINES: Final = 100
SILENCE_TIMEOUT_SECONDS: Final = 120
"""The time without output after which the command counts as hung."""

_VERSION: Final = re.compile(
    r"\b(Python|stache-ai-s3vectors|stache-ai|boto3|s3vectors-local) [\w.]+"
)
_TOKEN: Final = re.compile(r"#token=\S+")
_PORT: Final = re.compile(r"127\.0\.0\.1:\d+")
_BLOCK: Final = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILES: Final = {"ini": ".env", "json": "role.json"}
"""The files in the directory that have the content of the document's blocks, by language."""

_RUN_IN_TERMINAL: Final = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "-c", sys.argv[1]])
"""
"""Makes the terminal the controlling one, so that Ctrl-C works, and runs bash."""

_QDRANT: Final = ROOT / ".venv-qdrant" / "bin"
"""The programs of the environment with Stache's provider for Qdrant."""

_INGEST: Final = """\
from stache_ai_s3vectors import S3VectorsProvider, Settings
S3VectorsProvider(Settings()).insert(
    [[1.0, float(n), 0.5, 0.25] for n in range(1200)],
    [f"Chunk {n} of the handbook." for n in range(1200)],
    [{"doc_id": f"doc-{n // 100}", "chunk_index": n % 100} for n in range(1200)],
    [f"chunk-{n:04}" for n in range(1200)],
    namespace="handbook",
)
"""


class Terminal:
    """A wide terminal that runs a command.

    Args:
        command: a bash command.
        directory: the working directory.
        environment: variables to add to those of this process.
    """

    def __init__(self, command: str, directory: Path, environment: dict[str, str]) -> None:
        self.raw = b""
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN_IN_TERMINAL, command],
            cwd=directory,
            env={**os.environ, **environment, "TERM": "xterm", "COLUMNS": str(COLUMNS)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, text: str) -> None:
        """Read until the screen shows the text, or the command ends."""
        while text not in self.screen_text and self._read():
            pass

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], SILENCE_TIMEOUT_SECONDS)
        assert ready, (
            f"no output for {SILENCE_TIMEOUT_SECONDS} seconds; the screen is\n{self.screen_text}"
        )
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # on Linux, this means that the command has closed the terminal
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def type(self, keys: str) -> None:
        """Press keys. The character with code 3 is Ctrl-C."""
        os.write(self._master, keys.encode())

    def finish(self) -> int:
        """Wait for the end of the command, and return its exit status."""
        while self._read():
            pass
        os.close(self._master)
        return self._process.wait()

    @property
    def screen_text(self) -> str:
        """The text on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()


def renew_outputs(document: str, directory: Path) -> str:
    """Run the document's commands, and return it with their current output."""
    (directory / "packages").mkdir()
    plugin_package.write_package(
        directory / "packages", "stache.embeddings", "words", "letter_embedder:Letters"
    )
    (directory / "qdrant").mkdir()
    plugin_package.write_package(
        directory / "qdrant", "stache.vectordb", "qdrant-local", "local_qdrant:LocalQdrant"
    )
    (directory / "work").mkdir()
    for language, name in _FILES.items():
        for content in re.findall(
            rf"^```{language}\n(.*?)^```", document, re.DOTALL | re.MULTILINE
        ):
            (directory / "work" / name).write_text(content)
    return _BLOCK.sub(lambda block: _run_block(block[1], directory), document)


def _run_block(text: str, directory: Path) -> str:
    sections = []
    commands = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    for command in commands:
        line = _join_command(command)
        sections.append(f"$ {line}\n{_run_command(line, directory)}")
    return "```console\n" + "".join(sections) + "```"


def _join_command(text: str) -> str:
    """Return the command's lines. A backslash at the end of a line continues the command."""
    match = re.match(r"(?:.*\\\n)*.*", text)
    assert match is not None
    return match[0]


def _run_command(command: str, directory: Path) -> str:
    work = directory / "work"
    if "copy-from" in command:
        environment = _make_path_variables(_QDRANT, directory / "qdrant") | {"QDRANT_URL": "qdrant"}
        _fill_qdrant(work, environment)
    else:
        environment = _make_path_variables(Path(sys.executable).parent, directory / "packages")
    terminal = Terminal(command.replace("--port 9100", "--port 0"), work, environment)
    if " serve " in command or " console " in command:
        terminal.wait_for("console: http" if " serve " in command else "Press Ctrl-C")
        _wait_for_server(terminal.screen_text)
        terminal.type("\x03")
    elif "indexes delete" in command and "--yes" not in command:
        terminal.wait_for("to delete it:")
        terminal.type(command.rpartition(" ")[2] + "\n")
    status = terminal.finish()
    if "indexes create" in command:
        subprocess.run([sys.executable, "-c", _INGEST], cwd=work, check=True)
    text = terminal.screen_text.replace(str(work), "/home/you")
    text = _PORT.sub("127.0.0.1:9100", _VERSION.sub(r"\1 …", text))
    text = _TOKEN.sub("#token=…", text)
    exit_line = f"[exit status {status}]\n" if status else ""
    return (f"{text}\n" if text else "") + exit_line


def _make_path_variables(programs: Path, packages: Path) -> dict[str, str]:
    """Make the variables that add an environment's programs and a folder of packages."""
    paths = (str(packages), os.environ.get("PYTHONPATH"))
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def _fill_qdrant(work: Path, environment: dict[str, str]) -> None:
    """Create a collection of 1,000 chunks, once."""
    if not (work / "qdrant").exists():
        assert _QDRANT.exists(), "`make test` sets it up"
        command = [str(_QDRANT / "python"), "-m", "local_qdrant", "fill", "1000", "Cosine"]
        subprocess.run(command, cwd=work, env={**os.environ, **environment}, check=True)


def _wait_for_server(screen_text: str) -> None:
    """Send a request and wait for the response: the port is open before the server is ready."""
    match = _PORT.search(screen_text)
    assert match is not None, screen_text
    with closing(HTTPConnection(match[0])) as connection:
        connection.request("GET", "/", headers={"accept": "text/html"})
        assert connection.getresponse().status == HTTPStatus.OK


def main() -> None:
    """Regenerate the documents named by the arguments."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            Path(name).write_text(renew_outputs(Path(name).read_text(), Path(directory)))


if __name__ == "__main__":
    main()
