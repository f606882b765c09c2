"""What pytest's command line asks for, known before anything of it is parsed."""

from __future__ import annotations

import os
import sys

_WORDS = ("--aws", "--other-choices")
_VARIABLE = "TESTS_ASKED_FOR"

if sys.argv[0] != "-c":  # one of xdist's workers, which has its parent's environment only
    os.environ[_VARIABLE] = " ".join(word for word in _WORDS if word in sys.argv)

AWS = "--aws" in os.environ[_VARIABLE]
"""Behavior tests against AWS, with the credentials of whoever asks, on their bill."""

OTHER_CHOICES = "--other-choices" in os.environ[_VARIABLE]
"""Whether engines do the other thing where AWS does not document what it does."""
