"""What the deployments' tests get: an empty account in a simulated AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulated import Aws, simulate_aws


@pytest.fixture
def aws() -> Iterator[Aws]:
    """An account with nothing in it."""
    with simulate_aws() as aws:
        yield aws
