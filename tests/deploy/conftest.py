"""The fixture of the deployment tests: an empty account in a simulated AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.simulated import Aws, simulate_aws


@pytest.fixture
def aws() -> Iterator[Aws]:
    """Yield an account without resources."""
    with simulate_aws() as aws:
        yield aws
