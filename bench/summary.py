"""The figures that the root's README shows, between two marks."""

from __future__ import annotations

import re
from typing import Any, Final

import tables
from targets import Load

MARKS: Final = ("<!-- written by bench/report.py -->\n", "<!-- end -->\n")
SUMMARY: Final = """\
**A client's** processor time, and its bytes on the wire, in ours; 1,024 dimensions, 1.5 KB of text.
**Bold** is what is better than ours.

{clients}
![what each client costs](bench/results/clients.svg)

**The local engine** with {vectors:,} vectors of 1,024 dimensions. Queries are told in the time that
bare numpy needs for the product and partial sort, memory and disk in raw data.

{engines}
![queries of all engines](bench/results/compare.svg)

{promises}
"""
_DIMENSION: Final = "1024"
_VECTORS: Final = 100_000


def summary(load: Load) -> str:
    """The tables, the plots, and what else was promised."""
    found = load("provider")
    size = next(one for one in load("compare")["sizes"] if one["vectors"] == _VECTORS)
    return SUMMARY.format(
        clients=tables.clients(found["costs"][_DIMENSION], found["packages"]),
        engines=tables.peers(size),
        vectors=_VECTORS,
        promises="\n".join(f"- {promise}" for promise in _promises(load)),
    )


def _promises(load: Load) -> list[str]:
    return [
        _ingest(load("provider")),
        _faults(load("faults")),
        _function(load("lambda")),
        _bill(load),
    ]


def _ingest(result: Any) -> str:
    ours = result["ingest"][0]
    loop = next(one for one in result["ingest"] if one["client"] == "boto3")
    return (
        f"{ours['vectors']:,} vectors at the service's write rate, 150 ms a request: "
        f"{ours['ratio']:.2f} times the least that the rate allows (boto3 in a loop: "
        f"{loop['ratio']:.2f}), {ours['sent again']} of {ours['requests']:,} requests throttled."
    )


def _faults(result: Any) -> str:
    ours = result["shares"]["0.2"]["ours"]
    return (
        f"While every fifth request fails, {ours['succeeded']} of {ours['calls']} inserts of 1,000 "
        f"vectors succeed, and {ours['lost']} vectors are lost."
    )


def _function(result: Any) -> str:
    cold = result["starts"]["query, as built"]
    return (
        f"The example's Lambda function, {result['zip'] / 1e6:.0f} MB as a zip: "
        f"{tables.told(cold['cold'])} from its cold start to a query's answer, on a whole core "
        f"without network; that is {cold['in boto3']:.1f} times what a handler takes that only "
        "makes a boto3 client."
    )


def _bill(load: Load) -> str:
    bill = load("costs")
    return (
        f"{bill['chunks']:,} chunks on AWS, by its price list: ${bill['store']:.2f} a month, "
        f"${bill['load']['500']:.2f} to load (one by one: ${bill['load']['1']:.2f}), "
        f"${bill['query']:.2f} for {bill['queries']:,} queries."
    )


def within(readme: str, load: Load) -> str:
    """The root's README with these figures in it."""
    begin, end = map(re.escape, MARKS)
    found = re.search(f"{begin}.*{end}", readme, flags=re.DOTALL)
    if found is None:
        raise SystemExit("README.md has lost the marks that the figures go between")
    return readme.replace(found[0], summary(load).join(MARKS))
