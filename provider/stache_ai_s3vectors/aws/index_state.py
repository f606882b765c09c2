"""What all users of an index share in this process: its description, and the pace of writing."""

from __future__ import annotations

from dataclasses import dataclass, field

from .descriptions import IndexDescription
from .pace import Pace
from .single_flight import Flight


@dataclass
class IndexState:
    """One per connection and index.

    Args:
        pace: None when nothing limits writing.
        described_at: when the description was asked for, by the monotonic clock.
        flight: the call that asks for it.
    """

    pace: Pace | None
    description: IndexDescription | None = None
    described_at: float = 0.0
    flight: Flight[IndexDescription] = field(default_factory=Flight)

    @classmethod
    def create(cls, rate: float | None) -> IndexState:
        """With a pace of so many vectors a second; None or 0 for no limit."""
        return cls(Pace(rate) if rate else None)
