"""Our flags on pytest's command line, for code that runs before pytest parses them."""

from __future__ import annotations

import os
import sys

_FLAGS = ("--aws", "--other-choices")
_VARIABLE = "TESTS_FLAGS"

if sys.argv[0] != "-c":  # an xdist worker has "-c", and takes the flags from its environment
    os.environ[_VARIABLE] = " ".join(flag for flag in _FLAGS if flag in sys.argv)

AWS = "--aws" in os.environ[_VARIABLE]
"""Whether to run behavior tests against AWS, with the user's credentials and at their cost."""

OTHER_CHOICES = "--other-choices" in os.environ[_VARIABLE]
"""Whether engines use the alternative behavior where AWS does not document the behavior."""
