"""What all users of an index share in this process: its description, and the pace of writing."""

from __future__ import annotations

from dataclasses import dataclass, field

from .descriptions import Description
from .pace import Pace
from .single_flight import Flight


@dataclass
class Shared:
    """One per connection and index.

    Args:
        pace: None when nothing limits writing.
        asked: when the description was asked for, by the monotonic clock.
        flight: the call that asks for it.
    """

    pace: Pace | None
    description: Description | None = None
    asked: float = 0.0
    flight: Flight[Description] = field(default_factory=Flight)

    @classmethod
    def of(cls, rate: float | None) -> Shared:
        """With a pace of so many vectors a second; None or 0 for no limit."""
        return cls(Pace(rate) if rate else None)
