"""A question's words, on their way from Stache's pipeline to a hybrid search. Pure."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Any, Final

from stache_ai_s3vectors.service import limits

_KEY: Final = "stache_ai_s3vectors.question"
"""Where the words travel in `RequestContext.custom`, whose keys carry their owner's name."""


_QUOTED: Final = re.compile(r'"([^"]+)"|[\u201c\u201e]([^\u201c\u201d]+)[\u201c\u201d]')
"""In straight, English or German double quotes."""

_SIGNS: Final = string.punctuation + "\u2018\u2019\u201c\u201d\u201e\u2026\u2013\u2014«»¿¡"


def put_question(question: str, custom: dict[str, Any]) -> None:
    """Put a question's words into a request's context."""
    custom[_KEY] = question


def take_question(context: Any) -> str | None:
    """Take the words that were put into a request's context; None when there are none.

    They belong to one search: another with the same context is about something else.
    """
    custom = getattr(context, "custom", None)
    question = custom.pop(_KEY, None) if isinstance(custom, dict) else None
    return question if isinstance(question, str) and question.strip() else None


def find_phrases(question: str) -> list[str]:
    """The phrases of a question that stand in double quotes."""
    phrases = (straight or curly for straight, curly in _QUOTED.findall(question))
    return [phrase for phrase in map(_normalize, phrases) if phrase]


def contains_phrase(text: str, phrase: str) -> bool:
    """Whether a text has a phrase of `quoted`; capitals and white space do not count."""
    return phrase in _normalize(text)


def _normalize(text: str) -> str:
    return " ".join(text.casefold().split())


def shorten_question(question: str) -> str:
    """As much of a question as the service takes: all of it, or its words from both ends.

    Of a longer one, words that come again are left out first, because they count once. If the
    rest is still too long, half the room is for the end, where mostly the question is. Whole
    words are kept, but for one that alone is too long.

    Characters are counted as UTF-16 does, where one may be two: nobody says which the
    service means, and what is short so is short either way.
    """
    text = question.strip().encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    if _count_utf16(text) <= limits.QUERY_TEXT_LENGTH:
        return text
    words = [_truncate_word(word) for word in text.split()]
    last = _take_fitting(reversed(words), set(), limits.QUERY_TEXT_LENGTH // 2)[::-1]
    taken = {_normalize_word(word) for word in last}
    room = limits.QUERY_TEXT_LENGTH - sum(_count_utf16(word) + 1 for word in last)
    return " ".join(_take_fitting(words, taken, room) + last)


def _take_fitting(words: Iterable[str], taken: set[str], room: int) -> list[str]:
    """The first words that fit, without those that were taken before."""
    fitting = []
    for word in words:
        if _normalize_word(word) in taken:
            continue
        room -= _count_utf16(word) + 1
        if room < -1:  # none comes after the last
            break
        taken.add(_normalize_word(word))
        fitting.append(word)
    return fitting


def _normalize_word(word: str) -> str:
    """What the word is compared by: capitals and signs around it do not count."""
    return word.casefold().strip(_SIGNS) or word


def _truncate_word(word: str) -> str:
    """A word, or as much of it as the service takes."""
    encoded = word.encode("utf-16-le")[: 2 * limits.QUERY_TEXT_LENGTH]
    return encoded.decode("utf-16-le", "ignore")


def _count_utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
