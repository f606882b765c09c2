"""The text of a hybrid search: passed from Stache's pipeline, and shortened to fit. Pure."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Any, Final

from stache_ai_s3vectors.service import limits

_KEY: Final = "stache_ai_s3vectors.question"
"""The key of the question in `RequestContext.custom`; keys begin with their owner's name."""


_QUOTED: Final = re.compile(r'"([^"]+)"|[\u201c\u201e]([^\u201c\u201d]+)[\u201c\u201d]')
"""In straight, English or German double quotes."""

_SIGNS: Final = string.punctuation + "\u2018\u2019\u201c\u201d\u201e\u2026\u2013\u2014«»¿¡"


def put_question(question: str, custom: dict[str, Any]) -> None:
    """Put a question into a request's context."""
    custom[_KEY] = question


def take_question(context: Any) -> str | None:
    """Remove the question from a request's context and return it; None without one.

    It belongs to one search: the next search with this context has another question.
    """
    custom = getattr(context, "custom", None)
    question = custom.pop(_KEY, None) if isinstance(custom, dict) else None
    return question if isinstance(question, str) and question.strip() else None


def find_phrases(question: str) -> list[str]:
    """Find the phrases of a question in double quotes."""
    phrases = (straight or curly for straight, curly in _QUOTED.findall(question))
    return [phrase for phrase in map(_normalize, phrases) if phrase]


def contains_phrase(text: str, phrase: str) -> bool:
    """Whether a text contains a phrase of `find_phrases`, regardless of case and white space."""
    return phrase in _normalize(text)


def _normalize(text: str) -> str:
    return " ".join(text.casefold().split())


def shorten_question(question: str) -> str:
    """Shorten a question to the service's limit: all of it, or words from both ends.

    From a longer question, repeated words are removed first, because they count once. If the rest
    is still too long, half of the limit is for the end, where the actual question usually is. Words
    are not cut, except a single word that is too long.

    Characters are counted as in UTF-16, where one may be two: AWS does not document which it
    counts, and this count is the higher one.
    """
    text = question.strip().encode("utf-8", "replace").decode()  # replaces half a surrogate pair
    if _count_utf16(text) <= limits.QUERY_TEXT_LENGTH:
        return text
    words = [_truncate_word(word) for word in text.split()]
    last = _take_fitting(reversed(words), set(), limits.QUERY_TEXT_LENGTH // 2)[::-1]
    taken = {_normalize_word(word) for word in last}
    room = limits.QUERY_TEXT_LENGTH - sum(_count_utf16(word) + 1 for word in last)
    return " ".join(_take_fitting(words, taken, room) + last)


def _take_fitting(words: Iterable[str], taken: set[str], room: int) -> list[str]:
    """Take the first words that fit, without those in `taken`."""
    fitting = []
    for word in words:
        if _normalize_word(word) in taken:
            continue
        room -= _count_utf16(word) + 1
        if room < -1:  # no space follows the last word
            break
        taken.add(_normalize_word(word))
        fitting.append(word)
    return fitting


def _normalize_word(word: str) -> str:
    """The form in which words are compared: without case and surrounding punctuation."""
    return word.casefold().strip(_SIGNS) or word


def _truncate_word(word: str) -> str:
    """A word, cut at the service's limit."""
    encoded = word.encode("utf-16-le")[: 2 * limits.QUERY_TEXT_LENGTH]
    return encoded.decode("utf-16-le", "ignore")


def _count_utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
