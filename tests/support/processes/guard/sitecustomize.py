"""A module that Python imports at its start if this folder is on its path.

It restricts the process to connections to this machine. The folder has no other module, and
`loopback` is loaded by its file's path. So no other module of ours becomes importable.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("loopback", Path(__file__).parents[1] / "loopback.py")
assert _spec is not None
assert _spec.loader is not None
_loopback = module_from_spec(_spec)
_spec.loader.exec_module(_loopback)
_loopback.refuse_other_machines()
