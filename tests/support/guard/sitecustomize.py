"""Python reads this first of all, where this folder is on its path: it keeps to this machine.

The folder has nothing else, and the module that does it is loaded by its path: nothing of ours
can be imported that could not be before.
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
