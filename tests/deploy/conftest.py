"""What the deployments' tests get: an empty account in a simulated AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulated import Aws, simulated_aws

# The CDK runs in Node; the machine's own may be too old, or not there
os.environ["JSII_NODE"] = str(Path(sys.executable).with_name("node"))


@pytest.fixture
def aws() -> Iterator[Aws]:
    """An account with nothing in it."""
    with simulated_aws() as aws:
        yield aws
