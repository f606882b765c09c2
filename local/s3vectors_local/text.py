"""Full text: how a text becomes terms, and how several rankings become one.

SQLite's FTS5 keeps the terms (`table`) and counts them (`bm25`): it commits together with the
vectors, and its scores do not drift when vectors are overwritten. Its own Porter stemmer
takes English, in a third of the time that Python needs; the Snowball stemmers (PyStemmer)
take the other European languages. Chinese, Japanese and Korean become pairs of characters,
the way Lucene's CJK analyzer does it. Without a language there are the words themselves. How a
text is cut into words can be chosen (`words`), because AWS does not document its analyzers. No
stop words are dropped: BM25 hardly counts them.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import Stemmer

from .words import Analysis, Split, east_asian_parts, mark_ascii, plain_words, unicode_words

RRF_K: Final = 60
"""The constant of reciprocal rank fusion, from the paper that proposed it.

G. V. Cormack et al., "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods", SIGIR 2009. AWS does not document its own.
"""

_SPLITS: Final[Mapping[Analysis, Split]] = {"uax29": unicode_words, "words": plain_words}
_SNOWBALL: Final[Mapping[str, str]] = {
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "de": "german",
    "nl": "dutch",
}
_CONTRACTIONS: Final[Mapping[str, re.Pattern[str]]] = {
    "en": re.compile("['\u2019]s$"),
    "fr": re.compile("^(?:[ltmnsjdc]|qu|jusqu|quoiqu|lorsqu|puisqu)['\u2019]"),
    "it": re.compile(
        "^(?:[clmtsvd]|un|(?:a|da|de|ne|su|co|pe)?ll|gl|agl|dagl|degl|negl|sugl)['\u2019]"
    ),
}
"""What a word of UAX #29 may have with an apostrophe; Lucene's analyzers take it off, too."""

_SIGNS: Final = {ord(sign): 0xE000 + ord(sign) for sign in ".:,;'\"_"}
"""FTS5's tokenizer ends a word at every ASCII sign. Inside a word they become characters for
private use, which are in no word of a text."""

_REMEMBERED: Final = 200_000
"""Words whose stems are remembered; texts repeat theirs."""


@dataclass(frozen=True)
class Analyzer:
    """Takes texts and questions apart in the same way.

    Args:
        tokenizer: of the FTS5 table; it gets what `prepared` returns.
        prepared: the terms of a text with separators between, or the text itself if the
            tokenizer finds the same terms in it.
        phrases: what FTS5 looks for when it is asked a question: each of its terms, once.
    """

    tokenizer: str
    prepared: Callable[[str], str]
    phrases: Callable[[str], list[str]]


def analyzers(kind: Analysis) -> str:
    """What makes the terms that are stored: others may make different ones of the same text."""
    return f"3, {kind}, snowball {Stemmer.version()}"


@cache
def analyzer(language: str | None, kind: Analysis) -> Analyzer:
    """The analyzer of a language code of the API, or, for None, the standard one."""
    split = _splitting(language, kind)
    prepared = partial(_plain, split, kind, contracted=language == "en")
    if language is None:
        return Analyzer("ascii", prepared, lambda text: _quoted(split(text)))
    if language == "en":
        return Analyzer("porter ascii", prepared, _Porter(split).phrases)
    if language in _SNOWBALL:
        stems = _Stems(_SNOWBALL[language], split)
        return Analyzer("ascii", stems.prepared, stems.phrases)
    return Analyzer(
        "ascii", lambda text: _joined(_pairs(text, split)), lambda text: _pair_phrases(text, split)
    )


if hasattr(os, "register_at_fork"):  # a stemmer's lock may be held at the fork, for ever
    os.register_at_fork(after_in_child=analyzer.cache_clear)


def searchable_text(value: Any) -> str:
    """The text in a metadata value: a string, or the strings of an array; else none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(item for item in value if isinstance(item, str))
    return ""


def _splitting(language: str | None, kind: Analysis) -> Split:
    """What cuts a text into words, each without its contraction."""
    split = _SPLITS[kind]
    contraction = _CONTRACTIONS.get(language or "")
    if contraction is None or kind == "words":
        return split
    return lambda text: [contraction.sub("", word) for word in split(text)]


def _plain(split: Split, kind: Analysis, text: str, *, contracted: bool) -> str:
    """If it is ASCII, the tokenizer splits and folds it as `split` does."""
    if not text.isascii():
        return _joined(split(text))
    return text if kind == "words" else mark_ascii(text, _marked, contracted=contracted)


def _marked(signs: str) -> str:
    return signs.translate(_SIGNS)


def _joined(terms: Iterable[str]) -> str:
    return " ".join(terms).translate(_SIGNS)


def _quoted(terms: Iterable[str]) -> list[str]:
    return [f'"{term}"' for term in dict.fromkeys(_joined(terms).split(" ")) if term]


def _pairs(text: str, split: Split) -> list[str]:
    """Neighbouring characters of the East Asian scripts, and words.

    The last character of a run is a term of its own, so that each begins one: `_pair_phrases` finds
    a single character by what it begins.
    """
    if text.isascii():
        return split(text)
    terms = []
    for east_asian, part in east_asian_parts(text):
        if east_asian:
            terms += [part[at : at + 2] for at in range(len(part))]
        else:
            terms += split(part)
    return terms


def _pair_phrases(question: str, split: Split) -> list[str]:
    phrases = []
    for east_asian, part in east_asian_parts(question):
        if not east_asian:
            phrases += _quoted(split(part))
        elif len(part) == 1:
            phrases.append(f'"{part}" *')
        else:
            phrases += [f'"{part[at : at + 2]}"' for at in range(len(part) - 1)]
    return list(dict.fromkeys(phrases))


_INHERITED: Final[list[sqlite3.Connection]] = []


def _close(db: sqlite3.Connection, owner: int) -> None:
    if os.getpid() == owner:
        db.close()
    else:  # another thread may have held its lock at the fork, and closing it waits for that
        _INHERITED.append(db)


class _Porter:
    """FTS5's own stemmer, for questions: it tells which of their words are the same term."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, _close, self._db, os.getpid())
        self._db.execute("CREATE VIRTUAL TABLE question USING fts5(words, tokenize='porter ascii')")
        self._db.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(question, instance)")
        self._lock = threading.Lock()

    def phrases(self, question: str) -> list[str]:
        """The first word of each stem; the table stems it again."""
        return _quoted(self._distinct(list(dict.fromkeys(self._split(question)))))

    def _distinct(self, words: list[str]) -> list[str]:
        if len(words) < 2:  # noqa: PLR2004 - one word has no other
            return words
        with self._lock:  # one thread at a time
            self._db.execute(
                "INSERT OR REPLACE INTO question (rowid, words) VALUES (1, ?)", (_joined(words),)
            )
            stems = self._db.execute("SELECT term FROM stems ORDER BY offset").fetchall()
        first = dict(zip(reversed(stems), reversed(words), strict=True))
        return list(dict.fromkeys(first[stem] for stem in stems))


class _Stems:
    """Words and their stems, for any thread; a stemmer serves one at a time."""

    def __init__(self, algorithm: str, split: Split) -> None:
        self._split = split
        self._stemmer = Stemmer.Stemmer(algorithm)
        self._stem_of: dict[str, str] = {}
        self._lock = threading.Lock()

    def terms(self, text: str) -> list[str]:
        """The stem of each word."""
        words = self._split(text)
        try:
            return list(map(self._stem_of.__getitem__, words))
        except KeyError:
            known = self._learn(set(words))
        return [known[word] for word in words]

    def prepared(self, text: str) -> str:
        """The stems with separators between."""
        return _joined(self.terms(text))

    def phrases(self, question: str) -> list[str]:
        """Each stem once."""
        return _quoted(self.terms(question))

    def _learn(self, words: set[str]) -> dict[str, str]:
        with self._lock:
            if len(self._stem_of) >= _REMEMBERED:
                self._stem_of = {}  # others go on with the one they have
            new = [word for word in words if word not in self._stem_of]
            self._stem_of.update(zip(new, self._stemmer.stemWords(new), strict=True))
            return self._stem_of


def fuse(rankings: Iterable[Sequence[int]]) -> dict[int, float]:
    """Reciprocal rank fusion: the score of each row that is in any of the rankings."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, 1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF_K + rank)
    return scores
