"""The state of an index that all its users in this process share."""

from __future__ import annotations

from dataclasses import dataclass, field

from .descriptions import IndexDescription
from .pace import Pace
from .single_flight import Flight


@dataclass
class IndexState:
    """One per connection and index.

    Args:
        pace: of writes; None without a limit.
        described_at: when the index was described, by the monotonic clock.
        flight: the call that describes it.
    """

    pace: Pace | None
    description: IndexDescription | None = None
    described_at: float = 0.0
    flight: Flight[IndexDescription] = field(default_factory=Flight)

    @classmethod
    def create(cls, rate: float | None) -> IndexState:
        """Create the state with a pace in vectors per second; None or 0 for no limit."""
        return cls(Pace(rate) if rate else None)
