"""The content of an index, and its usage of the service's limits. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.chunks.sizes import metadata_size
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, STATUS, TYPE

from . import prices

NONE: Final = "(none)"
"""Stands for a key that a vector does not have."""

_FLOAT32_BYTES: Final = 4


@dataclass
class Largest:
    """The largest size so far, and the key of its vector."""

    size: int = 0
    key: str = ""

    def update(self, size: int, key: str) -> None:
        """Keep the larger size; if sizes are equal, keep the smaller key."""
        if size > self.size or (size == self.size and key < self.key):
            self.size, self.key = size, key


@dataclass
class Stats:
    """The counts of an index's vectors; bytes are counted as the service counts them.

    Args:
        description: of the index.
    """

    description: IndexDescription
    vectors: int = 0
    stored_bytes: int = 0
    searched_bytes: int = 0
    namespaces: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    filterable: Largest = field(default_factory=Largest)
    metadata: Largest = field(default_factory=Largest)
    keys: Largest = field(default_factory=Largest)

    def add(self, key: str, stored: Mapping[str, Any]) -> None:
        """Count a vector by its key and stored metadata."""
        non_filterable = self.description.non_filterable
        size = metadata_size(stored)
        filterable = metadata_size({k: v for k, v in stored.items() if k not in non_filterable})
        base = _FLOAT32_BYTES * self.description.dimension + len(key.encode())
        self.vectors += 1
        self.stored_bytes += base + size
        self.searched_bytes += base + filterable
        self.namespaces[str(stored.get(NAMESPACE, NONE))] += 1
        self.statuses[str(stored.get(STATUS, NONE))] += 1
        self.types[str(stored.get(TYPE, NONE))] += 1
        self.metadata.update(size, key)
        self.filterable.update(filterable, key)
        self.keys.update(len(stored), key)

    def measure_limits(self) -> dict[str, tuple[int, int, str]]:
        """For each limit: the largest value, the limit, and the key of the vector with it."""
        return {
            "vectors": (self.vectors, limits.VECTORS, ""),
            "metadata bytes": (self.metadata.size, limits.METADATA_BYTES, self.metadata.key),
            "filterable bytes": (
                self.filterable.size,
                limits.FILTERABLE_METADATA_BYTES,
                self.filterable.key,
            ),
            "metadata keys": (self.keys.size, limits.METADATA_KEYS, self.keys.key),
        }

    def estimate_storage_cost(self) -> float:
        """USD a month, at list prices."""
        return prices.compute_storage_cost(self.stored_bytes)

    def estimate_put_cost(self) -> float:
        """USD for storing all of it once, in full batches, at list prices."""
        return prices.compute_put_cost(
            self.stored_bytes, math.ceil(self.vectors / limits.PUT_BATCH)
        )

    def estimate_query_cost(self) -> float:
        """USD for one query, at list prices; without data returned beyond the free part."""
        return prices.compute_query_cost(self.vectors, self.searched_bytes / max(1, self.vectors))

    def as_dict(self) -> dict[str, Any]:
        """The statistics as JSON."""
        return {
            "vectors": self.vectors,
            "storedBytes": self.stored_bytes,
            "searchedBytes": self.searched_bytes,
            "namespaces": dict(self.namespaces.most_common()),
            "statuses": dict(self.statuses.most_common()),
            "types": dict(self.types.most_common()),
            "limits": {
                name: {"largest": value, "limit": limit, "key": key}
                for name, (value, limit, key) in self.measure_limits().items()
            },
            "putCost": self.estimate_put_cost(),
            "storageCostPerMonth": self.estimate_storage_cost(),
            "queryCost": self.estimate_query_cost(),
        }
