"""Full text: how a text becomes terms, and how several rankings become one.

SQLite's FTS5 keeps the terms (`table`) and counts them (`bm25`): it commits together with the
vectors, and its scores do not drift when vectors are overwritten. Its own Porter stemmer
takes English, in a third of the time that Python needs; the Snowball stemmers (PyStemmer)
take the other European languages. Chinese, Japanese and Korean become pairs of characters,
the way Lucene's CJK analyzer does it. Without a language there are words, and single
characters in Chinese and Japanese script (Thai and its neighbours, which write no spaces
either, are taken for long words). AWS does not document its analyzers; no stop words are
dropped here, because BM25 hardly counts them.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import Stemmer

ANALYZERS: Final = f"2, snowball {Stemmer.version()}"
"""What made the terms that are stored: others may make different ones of the same text."""

RRF_K: Final = 60
"""The constant of reciprocal rank fusion, from the paper that proposed it.

G. V. Cormack et al., "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods", SIGIR 2009. AWS does not document its own.
"""

_SNOWBALL: Final[Mapping[str, str]] = {
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "de": "german",
    "nl": "dutch",
}
_SPACELESS: Final = (
    "\u3005-\u3007\u3040-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_HANGUL: Final = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_EAST_ASIAN: Final = re.compile(rf"[{_SPACELESS}{_HANGUL}]")

_ASCII_WORDS: Final = {
    code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)
}
"""What `str.translate` makes of an ASCII text, so that `split` gives its words: three times
as fast as the pattern, and the same."""

_REMEMBERED: Final = 200_000
"""Words whose stems are remembered; texts repeat theirs."""


@dataclass(frozen=True)
class Analyzer:
    """Takes texts and questions apart in the same way.

    Args:
        tokenizer: of the FTS5 table; it gets what `prepared` returns.
        prepared: the terms of a text with separators between, or the text itself if the
            tokenizer finds the same terms in it.
        words: the words of a question, which the tokenizer gets one by one.
    """

    tokenizer: str
    prepared: Callable[[str], str]
    words: Callable[[str], list[str]]


class _Patterns(NamedTuple):
    """What finds the words of a text, and what the runs of East Asian script and the words."""

    word: re.Pattern[str]
    run: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Made when a text is not ASCII for the first time: starting up need not wait for it.

    Marks are vowel signs and accents of their own; `re` does not count them among letters.
    """
    marks = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] == "M")
    east_asian = _SPACELESS + _HANGUL
    return _Patterns(
        word=re.compile(rf"[{_SPACELESS}]|(?:[^\W_{_SPACELESS}][{marks}]*)+"),
        run=re.compile(rf"[{east_asian}]+|(?:[^\W_{east_asian}][{marks}]*)+"),
    )


@cache
def analyzer(language: str | None) -> Analyzer:
    """The analyzer of a language code of the API, or, for None, the standard one."""
    if language in (None, "en"):
        return Analyzer("porter ascii" if language else "ascii", _plain, _words)
    terms = _Stems(_SNOWBALL[language]).terms if language in _SNOWBALL else _pairs
    return Analyzer("ascii", lambda text: " ".join(terms(text)), terms)


if hasattr(os, "register_at_fork"):  # a stemmer's lock may be held at the fork, for ever
    os.register_at_fork(after_in_child=analyzer.cache_clear)


def searchable_text(value: Any) -> str:
    """The text in a metadata value: a string, or the strings of an array; else none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(item for item in value if isinstance(item, str))
    return ""


def _plain(text: str) -> str:
    """As it is if it is ASCII: that tokenizer splits and folds it as `_words` does."""
    return text if text.isascii() else " ".join(_words(text))


def _words(text: str) -> list[str]:
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    return _patterns().word.findall(_folded(text))


def _pairs(text: str) -> list[str]:
    if text.isascii():
        return _words(text)
    terms = []
    for run in _patterns().run.findall(_folded(text)):
        if len(run) > 1 and _EAST_ASIAN.match(run):
            terms += [run[at : at + 2] for at in range(len(run) - 1)]
        else:
            terms.append(run)
    return terms


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


class _Stems:
    """Words and their stems, for any thread; a stemmer serves one at a time."""

    def __init__(self, algorithm: str) -> None:
        self._stemmer = Stemmer.Stemmer(algorithm)
        self._stem_of: dict[str, str] = {}
        self._lock = threading.Lock()

    def terms(self, text: str) -> list[str]:
        """The stem of each word."""
        words = _words(text)
        try:
            return list(map(self._stem_of.__getitem__, words))
        except KeyError:
            known = self._learn(set(words))
        return [known[word] for word in words]

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
