"""An index of 20,000 vectors for the tests of the console's jobs."""

from __future__ import annotations

from typing import Final

import numpy as np

COUNT: Final = 20_000
TEXTS: Final = {
    "nonFilterableMetadataKeys": ["text"],
    "textSearchConfigurations": [{"metadataKey": "text"}],
}
VECTORS: Final = np.random.default_rng(7).normal(size=(COUNT, 4)).astype(np.float32)


def make_key(number: int) -> str:
    """Make the key of a vector. The order of the keys is not that of insertion."""
    return f"doc-{number % 7}/{number:05d}"
