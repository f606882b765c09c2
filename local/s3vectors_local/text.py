"""Full text: analyzers convert texts to terms; `fuse` merges rankings.

SQLite's FTS5 stores the terms (`table`) and counts them (`bm25`). It commits together with the
vectors, and its scores do not drift when vectors are overwritten. English uses the Porter stemmer
of FTS5, which takes a third of the time of one in Python. The other European languages use Snowball
stemmers (PyStemmer). Chinese, Japanese and Korean are split into pairs of characters, as Lucene's
CJK analyzer does. Without a language, the words are the terms. AWS does not document its analyzers,
so how a text is split into words is a choice (`Choices.analyzer`). Stop words are not removed: BM25
gives them little weight.
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

from .tokenizer import Analysis, Split, mark_ascii, split_east_asian, split_plain, split_unicode

RRF_K: Final = 60
"""The constant of reciprocal rank fusion, from its paper:

G. V. Cormack et al., "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods", SIGIR 2009. AWS does not document its constant.
"""

_SPLITTERS: Final[Mapping[Analysis, Split]] = {"uax29": split_unicode, "words": split_plain}
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
"""Contractions in words of UAX #29; Lucene's analyzers also remove them."""

_SIGNS: Final = {ord(sign): 0xE000 + ord(sign) for sign in ".:,;'\"_"}
"""FTS5's tokenizer ends a word at every ASCII sign. A sign inside a word becomes a private-use
character, which is in no word of a text."""

_MAX_CACHED: Final = 200_000
"""Words whose stems are cached."""


@dataclass(frozen=True)
class Analyzer:
    """Converts texts and query texts to the same terms.

    Args:
        tokenizer: the tokenizer of the FTS5 table, which stores the results of `prepare`.
        prepare: returns the terms of a text, with separators; or the text itself if the tokenizer
            splits it into the same terms.
        parse_phrases: returns the FTS5 phrases of a query text: each of its terms, once.
    """

    tokenizer: str
    prepare: Callable[[str], str]
    parse_phrases: Callable[[str], list[str]]


def describe_analyzers(kind: Analysis) -> str:
    """Describe the analyzers; a text table of other ones may have other terms."""
    return f"3, {kind}, snowball {Stemmer.version()}"


@cache
def get_analyzer(language: str | None, kind: Analysis) -> Analyzer:
    """Return the analyzer of a language code of the API; for None, the standard analyzer."""
    split = _build_splitter(language, kind)
    prepare = partial(_prepare_plain, split, kind, contracted=language == "en")
    if language is None:
        return Analyzer("ascii", prepare, lambda text: _quote(split(text)))
    if language == "en":
        return Analyzer("porter ascii", prepare, _Porter(split).parse_phrases)
    if language in _SNOWBALL:
        stems = _Stems(_SNOWBALL[language], split)
        return Analyzer("ascii", stems.prepare, stems.parse_phrases)
    return Analyzer(
        "ascii",
        lambda text: _join(_split_pairs(text, split)),
        lambda text: _build_pair_phrases(text, split),
    )


if hasattr(os, "register_at_fork"):  # the lock of a stemmer may be held at the fork
    os.register_at_fork(after_in_child=get_analyzer.cache_clear)


def extract_text(value: Any) -> str:
    """Return the searchable text of a metadata value: a string, or the strings of an array."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(item for item in value if isinstance(item, str))
    return ""


def _build_splitter(language: str | None, kind: Analysis) -> Split:
    """Build the function that splits a text into words without contractions."""
    split = _SPLITTERS[kind]
    contraction = _CONTRACTIONS.get(language or "")
    if contraction is None or kind == "words":
        return split
    return lambda text: [contraction.sub("", word) for word in split(text)]


def _prepare_plain(split: Split, kind: Analysis, text: str, *, contracted: bool) -> str:
    """Prepare a text; if it is ASCII, the tokenizer splits and folds it as `split` does."""
    if not text.isascii():
        return _join(split(text))
    return text if kind == "words" else mark_ascii(text, _mark, contracted=contracted)


def _mark(signs: str) -> str:
    return signs.translate(_SIGNS)


def _join(terms: Iterable[str]) -> str:
    return " ".join(terms).translate(_SIGNS)


def _quote(terms: Iterable[str]) -> list[str]:
    return [f'"{term}"' for term in dict.fromkeys(_join(terms).split(" ")) if term]


def _split_pairs(text: str, split: Split) -> list[str]:
    """Split East Asian text into pairs of characters, and other text into words.

    The last character of a run is also a term, so that each character begins one:
    `_build_pair_phrases` searches a single character as a prefix.
    """
    if text.isascii():
        return split(text)
    terms = []
    for east_asian, part in split_east_asian(text):
        if east_asian:
            terms += [part[at : at + 2] for at in range(len(part))]
        else:
            terms += split(part)
    return terms


def _build_pair_phrases(query: str, split: Split) -> list[str]:
    phrases = []
    for east_asian, part in split_east_asian(query):
        if not east_asian:
            phrases += _quote(split(part))
        elif len(part) == 1:
            phrases.append(f'"{part}" *')
        else:
            phrases += [f'"{part[at : at + 2]}"' for at in range(len(part) - 1)]
    return list(dict.fromkeys(phrases))


_INHERITED: Final[list[sqlite3.Connection]] = []


def _close(db: sqlite3.Connection, owner: int) -> None:
    if os.getpid() == owner:
        db.close()
    else:  # closing waits for its lock, which another thread may have held at the fork
        _INHERITED.append(db)


class _Porter:
    """FTS5's Porter stemmer for query texts, to find words with the same stem."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, _close, self._db, os.getpid())
        self._db.execute(
            "CREATE VIRTUAL TABLE query_text USING fts5(words, tokenize='porter ascii')"
        )
        self._db.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(query_text, instance)")
        self._lock = threading.Lock()

    def parse_phrases(self, query: str) -> list[str]:
        """Return a phrase for the first word of each stem; the text table stems it again."""
        return _quote(self._deduplicate(list(dict.fromkeys(self._split(query)))))

    def _deduplicate(self, words: list[str]) -> list[str]:
        if len(words) < 2:  # noqa: PLR2004 - one word has no duplicate
            return words
        with self._lock:  # one thread at a time
            self._db.execute(
                "INSERT OR REPLACE INTO query_text (rowid, words) VALUES (1, ?)", (_join(words),)
            )
            stems = self._db.execute("SELECT term FROM stems ORDER BY offset").fetchall()
        first = dict(zip(reversed(stems), reversed(words), strict=True))
        return list(dict.fromkeys(first[stem] for stem in stems))


class _Stems:
    """A Snowball stemmer with a cache; thread-safe, which a stemmer alone is not."""

    def __init__(self, algorithm: str, split: Split) -> None:
        self._split = split
        self._stemmer = Stemmer.Stemmer(algorithm)
        self._stem_of: dict[str, str] = {}
        self._lock = threading.Lock()

    def stem(self, text: str) -> list[str]:
        """Return the stem of each word."""
        words = self._split(text)
        try:
            return list(map(self._stem_of.__getitem__, words))
        except KeyError:
            stem_of = self._add_stems(set(words))
        return [stem_of[word] for word in words]

    def prepare(self, text: str) -> str:
        """Return the stems, with separators."""
        return _join(self.stem(text))

    def parse_phrases(self, query: str) -> list[str]:
        """Return a phrase for each distinct stem."""
        return _quote(self.stem(query))

    def _add_stems(self, words: set[str]) -> dict[str, str]:
        with self._lock:
            if len(self._stem_of) >= _MAX_CACHED:
                self._stem_of = {}  # other threads keep using the old dict
            new = [word for word in words if word not in self._stem_of]
            self._stem_of.update(zip(new, self._stemmer.stemWords(new), strict=True))
            return self._stem_of


def fuse(rankings: Iterable[Sequence[int]]) -> dict[int, float]:
    """Merge rankings by reciprocal rank fusion; return the score of each row."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, 1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF_K + rank)
    return scores
