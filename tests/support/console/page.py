"""The console in a real Chromium, driven from Python by tests and screenshots."""

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
SCRIPT = Path(__file__).with_name("page.mjs")

DESKTOP = (1280, 800)
"""A common size of a window."""


class BrowserError(AssertionError):
    """A command failed, for example because an element is missing on the page."""


class Browser:
    """A browser with one page at a time. The commands of `page.mjs` are its methods.

    For example: `click("button", "Query")`, `fill("Text", "…")`, `wait("…")`.
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
        response = json.loads(line)
        if "error" in response:
            raise BrowserError(f"{name}{arguments}: {response['error']}\n{self._read_page()}")
        return response["value"]

    def _read_page(self) -> str:
        """Return the page's text, for the error of a failed command."""
        self._process.stdin.write('["evaluate","document.body.innerText.slice(0, 3000)"]\n')  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        return str(json.loads(self._process.stdout.readline()).get("value"))  # type: ignore[union-attr]

    def open_console(
        self,
        url: str,
        address: str = "#/",
        *,
        size: tuple[int, int] = DESKTOP,
        dark: bool = False,
        reduced_motion: bool = True,
        forced_colors: bool = False,
    ) -> None:
        """Open a view in a new browser context."""
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc}"
        options = {"origin": self._url, "width": size[0], "height": size[1]}
        self._run(
            "open",
            {
                **options,
                "dark": dark,
                "reducedMotion": reduced_motion,
                "forcedColors": forced_colors,
            },
        )
        self._run("goto", f"{self._url}/{address}")

    def navigate(self, address: str) -> None:
        """Go to another view of the console."""
        self._run("evaluate", f"void (location.hash = {json.dumps(address)})")


@contextmanager
def run_browser() -> Iterator[Browser]:
    """Run Chromium."""
    assert (PACKAGES / "node_modules").is_dir(), "run `make test` once; it installs the browser"
    command = [str(Path(sys.executable).with_name("node")), str(SCRIPT), str(PACKAGES)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Browser(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # the script then closes Chromium
            process.wait()
