"""What all users of an index share in this process: its description, and the pace of writing."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from .answers import Description
from .pace import Pace


@dataclass
class Shared:
    """One per client and index.

    Args:
        pace: None when nothing limits writing.
        asked: when the description was asked for, by the monotonic clock.
    """

    pace: Pace | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    description: Description | None = None
    asked: float = 0.0


_known: Final[WeakKeyDictionary[Any, dict[tuple[str, str], Shared]]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def shared(client: Any, name: tuple[str, str], rate: float | None) -> Shared:
    """What is shared about the index of that bucket and name.

    Args:
        rate: vectors a second to write at most; None or 0 for no limit. The first to ask
            decides.
    """
    with _lock:
        indexes = _known.setdefault(client, {})
        return indexes.setdefault(name, Shared(Pace(rate) if rate else None))
