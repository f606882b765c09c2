"""What bench/README.md says around its tables."""

from __future__ import annotations

from typing import Final

HEAD: Final = """\
# Benchmarks

`make bench` measures all of this again and writes this page, the plots and the table in the root's
README; `make bench-quick` measures ours against the floors, at one size, in three minutes. Ratios
are the result: of tasks that take turns, in the same run, on the same machine. Absolute times are
context. Figures are medians of at least five, but where it is said; "±" is half the distance
between the quartiles, in percent of the median. **Bold** is what is better than ours. What each
was measured on, and with which versions, is at the end.

The data: vectors in 200 clusters, with the text (1.5 KB) and metadata that Stache writes. They are
made up; embeddings of real text were not measured. "Filter" has the shape that our provider sends
for a namespace or another condition: soft delete, type, and one condition that keeps 1 % or 50 %.
Nothing was measured against AWS.
"""
TARGETS: Final = """\
## What was asked, and what came of it

The engine with 100,000 vectors of 1,024 dimensions, the provider with 1,024. The machine is
shared, and what waits for its disk and processor moves with its mood: an earlier run, on 22
November 2026, opened with a cold file cache in 1.66 s, put 6,525 vectors a second with text
search, and a search of the older package took 2.34 times ours.

"""
SEARCHES: Final = """
Whose code a search's processor time is spent in, by a profile of ours: {shares}. So the ratio
of a search to that of other clients, which all stand on botocore, can hardly grow, and moves with
the machine's mood.

"""
ENGINE: Final = """\
## Our engine

1,024 dimensions. The times are ratios to what bare numpy needs for the matrix-vector product and
partial sort on the same data in the same process, in turns with it, with BLAS held to one thread.
"Data, read once" is the fastest pass that numpy makes over the vectors on one core, which the
memory limits where no cache holds them; a query that takes less has read less than all (a pre-pass
over a quarter, and then those vectors exactly that can be among the nearest).

"""
GROWTH: Final = """\
The shadow of the pre-pass is made by the second search over many vectors. Very common words cost
so much because nearly every text has them, and each is scored.

![how searches grow with the number of vectors](results/engine.svg)

"""
HTTP: Final = """\
The engine's share is the caller's wait minus the client's own processor time.
"""
PROVIDER: Final = """\
## The provider

Over HTTP on loopback, against a server of ours: 1.5 KB of text, metadata as Stache writes it,
lists of Python floats, calls of 500 (of 250 with 3,072 dimensions, where 500 in one request are
more than the 20 MiB that the service takes; ours divides by bytes, the older package does not, the
others by the count that they are given). Each client runs in a process and, where it is not ours,
in an environment of its own, in turns. CPU is the client's processor time; bytes are both
directions, HTTP's headers included. The floor is orjson, one signature by botocore and one
request, without any check and without botocore's client. Embeddings are float32 as Python floats,
so that JSON spells each with some 20 bytes; shorter decimals would cost everybody less.
llama-index makes a boto3 client for each call, which is most of what its searches cost; boto3
alone counts one page after another. Searches ask for the top 10; only ours and the older package
send a filter. A scan counts by a filter that half of the vectors pass; langchain-aws and
llama-index cannot: they have no public call that goes through an index.

![what each client costs](results/clients.svg)

"""
INGEST: Final = """\
### Against the service's rate limits

All in one call, with the service's rate limits (2,500 vectors a second for an index) and 150 ms a
request. "The least" is what the rate allows, though the limiter here lets a first second's worth
through at once, which AWS does not document. boto3 in a loop waits for each answer before it makes
the next request. All vectors are counted afterwards, and the run fails if one is missing.

"""
MEMORY: Final = """
Peak memory of storing {vectors:,} in ten calls, the caller's own lists included: {first} after the
first, {last} after the last.

"""
FAULTS: Final = """\
## When requests fail

{calls} inserts of 1,000 vectors each, into a server of ours that lets a share of all requests fail,
seeded: a third with status 500, a third with 503, a third by dropping the connection. Afterwards
a server without faults tells what is there. The floor tries once; botocore by default three times,
ours five, until their quota of retries is used up; what then fails is raised. An insert of 1,000
is two requests, of which one may have succeeded. Our error names the vectors that are stored
(what it cannot know, because the answer was lost, it names as missing; to insert that again is
safe). The others raise the error of one request; whoever calls boto3 in a loop of their own knows
which.

"""
COST: Final = """\
## On AWS's bill

Arithmetic, not a measurement: {chunks:,} chunks of {dimension:,} dimensions, 1.5 KB of text and
the metadata that Stache writes, {bytes_a_chunk[stored]:,} bytes each as the service counts them,
at the list prices of {region} as read on {read_on} (https://aws.amazon.com/s3/pricing/, tab "S3
Vectors"). Each PutVectors is charged for 128 KB at least: it takes {least_for_128_KB} such chunks
to reach that, and larger batches cost no less. A query is charged for what it goes through: all
vectors, keys and filterable metadata of the index.

"""
SCALE: Final = """\
[scale.md](scale.md) says what 100 million and 2 billion vectors would take, on paper.

"""
TOOL: Final = """\
## The operator's tool

{vectors:,} vectors from one durable server of ours to another on loopback, 1,024 dimensions and
1.5 KB of text, without a write rate; both sides are compared vector by vector afterwards, by
another client. The copy compares everything at its end, too, which its time includes. "In three"
was interrupted twice with Ctrl-C and called again: it reads again what is there already. A file
takes {size:,} bytes a vector, compressed.

"""
FUNCTION: Final = """\
## The example's Lambda function

Built for {for_}: {unzipped:.1f} MB unzipped, of the {most_unzipped:.1f} MB that Lambda takes, and
{zip:.1f} MB as a zip, of the {most_zip:.1f} MB that it takes without S3
([quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)).

"""
FUNCTION_STARTS: Final = """
From a new process of AWS's runtime client to its first answer, and a later answer. The far end is
a simulated AWS on the same machine: there is no network in it, no download of the package, and a
whole core to run on, of which Lambda gives a function with 1,024 MB about 0.6
([1,769 MB are one](https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)). All
run in the same package, in turns. Lambda's folder cannot be written to, so what has no bytecode is
compiled again at every cold start; "with bytecode" is the same package with it, {more:.1f} MB
larger.

"""
FUNCTION_IMPORTS: Final = """
Of a query's cold start, as built, imports took {all:,} ms in one run, slowed by Python's own
measuring: {largest}; this provider's own modules {ours}.

"""
PEERS: Final = """\
## The engine beside others

Each in process and in an environment of its own, on the same data, with up to {memory:.0f} GiB of
memory. Queries are told in bare numpy's product and partial sort, round by round in the same
process. numpy's BLAS is held to one thread, for qdrant-client, too, which computes with it;
chromadb and lancedb have threads of their own. Recall is the share of the exact ten nearest that
was found. "Hybrid" is by vector and three words, fused by rank, after the texts were indexed.
Memory is what a fresh process grows by until its third answer; it and the disk are told in raw
float32 data. Ingest, the indexing of texts and the disk are of one run each.

chromadb's index, and lancedb's where it is indexed, are approximate: over many vectors they answer
faster than any exact one, and may miss some. The queries are noise around the same clusters, which
is kind to them. chromadb indexes the texts as it stores them, for its search for substrings, which
its ingest and disk include; it was not given the arrays in metadata, which it does not store.
lancedb reads from disk at each query, so it opens at once; it is compacted after the ingest, which
that includes, and so are the indexes where it has them. qdrant-client's local mode is meant for
tests, and reads all texts at each hybrid query; its server is another program. moto is called
through boto3, whose own work is most of its ingest (of 10,000 vectors at most). Whether their
ingest survives a power cut was not examined; ours does.
"""
MACHINES: Final = """\
## Machines and versions

"""
