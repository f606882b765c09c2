"""A page of the console in a real Chromium, which tests and screenshots drive from Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PACKAGES = Path(sys.prefix) / "javascript"
SCRIPT = Path(__file__).with_name("console_browser.mjs")

DESK = (1280, 800)
"""A window as wide and as high as many are."""


class BrowserError(AssertionError):
    """A command failed: what was expected is not on the page, for instance."""


class Browser:
    """A browser with one page at a time; a command is a method of that name.

    Those of `console_browser.mjs`: `click("button", "Query")`, `fill("Text", "…")`, `wait("…")`.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._url = ""

    def __getattr__(self, name: str) -> Any:
        def run(*arguments: Any) -> Any:
            return self._run(name, *arguments)

        return run

    def _run(self, name: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser ended"
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(f"{name}{arguments}: {answer['error']}\n{self._state()}")
        return answer["value"]

    def _state(self) -> str:
        """What one needs to know when a command fails."""
        self._process.stdin.write('["evaluate","document.body.innerText.slice(0, 3000)"]\n')  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        return str(json.loads(self._process.stdout.readline()).get("value"))  # type: ignore[union-attr]

    def open_console(
        self,
        url: str,
        address: str = "#/",
        *,
        size: tuple[int, int] = DESK,
        dark: bool = False,
        still: bool = True,
        forced: bool = False,
    ) -> None:
        """Open a view in a browser that has visited nothing yet."""
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc}"
        options = {"origin": self._url, "width": size[0], "height": size[1]}
        self._run("open", {**options, "dark": dark, "still": still, "forced": forced})
        self._run("goto", f"{self._url}/{address}")

    def go(self, address: str) -> None:
        """Go to another view of the console."""
        self._run("evaluate", f"void (location.hash = {json.dumps(address)})")


@contextmanager
def run_browser() -> Iterator[Browser]:
    """Chromium, until the end of the `with`."""
    assert (PACKAGES / "node_modules").is_dir(), "run `make test` once; it installs the browser"
    command = [str(Path(sys.executable).with_name("node")), str(SCRIPT), str(PACKAGES)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Browser(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # it closes Chromium then
            process.wait()
