"""What many more vectors than one machine holds would take, on paper; writes bench/scale.md.

    python bench/scale.py

A simulation with the provider's own pacing and the engine's own rate limiter on a clock that only
counts, with the times that `provider.py` measured. It is shown to tell the times measured at small
sizes before it is asked about large ones. Nothing here was measured at those sizes.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import costs
import measure
import records
from s3vectors_local.errors import TooManyRequestsException
from s3vectors_local.limits import LIST_PAGE_BYTES
from s3vectors_local.rates import RateLimits
from stache_ai_s3vectors import limits, prices
from stache_ai_s3vectors.pace import Pace
from stache_ai_s3vectors.parallel import WORKERS
from tables import table

PAGE: Final = Path(__file__).with_name("scale.md")
LATENCY: Final = 0.15
"""Seconds a request, as for the measured ingestion."""

PAGE_LATENCY: Final = 0.05
"""Seconds a page, as for the measured count."""

CALL: Final = 20_000
"""Vectors that one insert is given: it checks all, then sends them."""

QUERIES: Final = 100_000

TEXT: Final = """\
# Past one machine, on paper

Written by `python bench/scale.py`. Nothing here was measured at these sizes. It is a simulation
with the provider's own pacing ([pace.py](../provider/stache_ai_s3vectors/pace.py)) and the
engine's own rate limiter, on a clock that only counts, with processor times from
[README.md](README.md), {dimension:,} dimensions, and AWS's documented limits and list prices.

## What it is worth

The same simulation, asked about what was measured: {latency} s a write, {page_latency} s a page.
What it takes from measurements is how long an insert checks before its first request, how long a
vector's request takes to make, how fast an index is walked without latency, and what of that the
client takes. It leaves out what a first call sets up, and how threads wait for each other.

{reproduced}
## What more takes

An index takes 2,500 written vectors a second and holds 2 billion; a bucket has up to 10,000
indexes
([limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html)). So
what is divided over more indexes loads faster, as long as there are processors to send it: "cores
to load" is how many of this machine's the provider needs to keep all indexes at their limit, in
inserts of {call:,} vectors. "List all" is a count, or a delete by filter, of all indexes at once,
{page:,} vectors a page of 1 MB, the processors aside. A query of a divided index asks every part,
and the best of all answers are the answer.

{planned}
What does not depend on how it is divided:

{bills}
Dividing costs queries more: the price of what a query goes through falls with the size of the
index that it is asked of (from 100,000 and from 10 million vectors on), and every part starts
anew. Hundreds of queries a second are what AWS says of one index; nobody says how its latency
grows. Divide by what queries never ask together (tenants, years): then a query asks one part,
and both fall.
"""

SIZES: Final = (1_000_000, 100_000_000, 2_000_000_000)
SHARDS: Final = (1, 10, 100, 1_000)


class Clock:
    """Seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.now += seconds


@dataclass(frozen=True)
class Load:
    """How an ingestion went.

    Args:
        seconds: from the call to the last answer.
        throttled: requests that the service refused.
    """

    seconds: float
    throttled: int


def load(vectors: int, latency: float, before: float, processor: float) -> Load:
    """Store so many in one index, in one call, from one process.

    Args:
        vectors: how many.
        latency: seconds that an answer takes.
        before: seconds until the first request is sent, in which all vectors are checked.
        processor: seconds that a vector takes of this process from then on, one at a time.
    """
    clock, arrival = Clock(), Clock()
    pace, rates = Pace(clock=clock, sleep=clock.sleep), RateLimits(clock=arrival)
    clock.now = arrival.now = before
    waiting: deque[float] = deque()
    throttled = 0
    for count in _parts(vectors, limits.PUT_BATCH):
        pace.wait(count)
        arrival.now = max(arrival.now, clock.now) + processor * count
        while _refused(rates, count):
            throttled += 1
            arrival.sleep(1)
        waiting.append(arrival.now + latency)
        if len(waiting) >= WORKERS:
            clock.now = max(clock.now, waiting.popleft())
    return Load(max(waiting, default=0.0), throttled)


def _refused(rates: RateLimits, count: int) -> bool:
    try:
        rates.take("index", count)
    except TooManyRequestsException:
        return True
    return False


def walk(vectors: int, latency: float, serving: float, reading: float, page: int) -> float:
    """Seconds to list all of one index, in segments, some at a time.

    Args:
        vectors: how many.
        latency: seconds that a page takes.
        serving: seconds of the server that a listed vector takes, one at a time.
        reading: seconds of the client that it takes, one at a time.
        page: vectors on a page.
    """
    # The index's description, a first page
    began = 2 * latency + (serving + reading) * min(vectors, page)
    if vectors <= page:
        return began
    share = -(-vectors // limits.LIST_SEGMENTS)
    segments = [deque(_parts(share, page)) for _ in range(limits.LIST_SEGMENTS)]
    ahead = iter(range(WORKERS, limits.LIST_SEGMENTS))
    answered = [(began + latency, number) for number in range(WORKERS)]
    served = read = began
    while answered:
        at, number = heapq.heappop(answered)
        count = segments[number].popleft()
        served = max(served, at) + serving * count
        read = max(read, served) + reading * count
        following = number if segments[number] else next(ahead, None)
        if following is not None:
            heapq.heappush(answered, (read + latency, following))
    return read


def page_of() -> int:
    """Vectors on a page: AWS ends it at 1 MB, of which what is not asked for is part."""
    size = costs.sizes(records.DIMENSION)["stored"]
    return min(limits.LIST_PAGE, -(-LIST_PAGE_BYTES // round(size)))


def _parts(count: int, most: int) -> Iterator[int]:
    for first in range(0, count, most):
        yield min(most, count - first)


def reproduced() -> list[list[str]]:
    """What was measured at small sizes, and what the simulation says of it."""
    result, rows = _measured(), []
    for entry in result["ingest"]:
        if entry["client"] == "ours":
            before, vectors = entry["before"]["median"], entry["vectors"]
            simulated = load(vectors, LATENCY, before, _processor(result, "insert")).seconds
            rows.append(_row(f"store {vectors:,}", entry["took"]["median"], simulated))
    # Without latency the server is what a walk waits for
    serving = result["walk"]["ours"]["median"] / result["walk"]["vectors"]
    reading = _processor(result, "scan")
    for name in ("count", "small count"):
        vectors, took = result[name]["vectors"], result[name]["ours"]["median"]
        simulated = walk(vectors, PAGE_LATENCY, serving, reading, page_of())
        rows.append(_row(f"count {vectors:,}", took, simulated))
    return rows


def _row(what: str, took: float, simulated: float) -> list[str]:
    return [what, f"{took:.2f} s", f"{simulated:.2f} s", f"{simulated / took:.2f}"]


def _measured() -> Any:
    return json.loads((measure.RESULTS / "provider.json").read_text("utf-8"))


def _processor(result: Any, task: str) -> float:
    """Seconds of processor a vector, of the dimension that is planned with."""
    told: float = result["costs"][str(records.DIMENSION)][task]["ours"]["median"]
    return told / 1_000


def planned() -> list[list[str]]:
    """What each size takes, in so many indexes."""
    result, searched = _measured(), costs.sizes(records.DIMENSION)["searched"]
    checking = result["ingest"][0]["before"]["median"] / result["ingest"][0]["vectors"]
    core = CALL / _loading(CALL, checking) * _processor(result, "insert")
    rows = []
    for vectors in SIZES:
        for shards in SHARDS:
            each = -(-vectors // shards)
            listed = walk(each, PAGE_LATENCY, 0.0, 0.0, page_of())
            query = QUERIES * shards * prices.query(each, searched)
            loaded = _loading(each, checking)
            times = [_time(loaded), f"{shards * core:,.1f}", _time(listed)]
            rows.append([f"{vectors:,}", f"{shards:,}", *times, f"${query:,.0f}"])
    return rows


def _loading(vectors: int, checking: float) -> float:
    """Seconds of one insert after the other, each of CALL."""
    calls, rest = divmod(vectors, CALL)
    full, last = (load(count, LATENCY, count * checking, 0.0).seconds for count in (CALL, rest))
    return calls * full + last


def bills() -> list[list[str]]:
    """What each size costs however it is divided."""
    stored = costs.sizes(records.DIMENSION)["stored"]
    return [
        [
            f"{vectors:,}",
            f"{vectors * stored / prices.TB:,.2f} TB",
            f"${prices.storage(vectors * stored):,.0f}",
            f"${prices.puts(vectors * stored, -(-vectors // limits.PUT_BATCH)):,.0f}",
        ]
        for vectors in SIZES
    ]


def _time(seconds: float) -> str:
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
    size, unit = next((u for u in units if seconds >= 2 * u[0]), units[-1])
    return f"{seconds / size:,.1f} {unit}"


def page() -> str:
    """bench/scale.md."""
    head = ["vectors", "indexes", "load", "cores to load", "list all", f"{QUERIES:,} queries"]
    bill = ["vectors", "logical size", "store, a month", "load once"]
    return TEXT.format(
        reproduced=table(["", "measured", "simulated", "simulated in measured"], reproduced()),
        planned=table(head, planned()),
        bills=table(bill, bills()),
        dimension=records.DIMENSION,
        latency=LATENCY,
        page_latency=PAGE_LATENCY,
        call=CALL,
        page=page_of(),
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
