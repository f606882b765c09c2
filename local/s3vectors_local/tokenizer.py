"""Splits a text into words: in a plain way, or by Unicode's UAX #29.

Lucene's standard tokenizer follows UAX #29, "Unicode Text Segmentation": `os.path.join`, `3.11.2`,
`don't` and `snake_case` are one word each, `john.doe@example.org` is two, a run of katakana is one,
and each ideograph and each hiragana is a word. The plain way ends a word at every character that is
not a letter or digit. Thai and related scripts have no spaces; a run of them is one word, as for
Lucene. Emoji are not words.

Python knows which characters are letters, digits and marks; the few characters of other classes of
UAX #29 are listed below. Texts are folded first: NFKC, then case.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, Literal, TypeAlias

Analysis: TypeAlias = Literal["uax29", "words"]

Split: TypeAlias = Callable[[str], list[str]]
"""Returns the words of a text."""

_KATAKANA: Final = "\u3031-\u3035\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_SINGLE: Final = (
    "\u3005-\u3007\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Ideographs and hiragana."""

_HANGUL: Final = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_HEBREW: Final = "\u05d0-\u05ea\u05ef-\u05f2"
_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
    "\U00011700-\U0001174f"
)
"""South East Asian scripts without spaces between words, from Thai to Ahom."""

_MORE_LETTERS: Final = (
    "\u02c2-\u02c5\u02d2-\u02d7\u02de\u02df\u02e5-\u02ff\u055a-\u055c\u055e\u058a\u05f3\u070f"
    "\ua708-\ua716\ua720\ua721\ua789\ua78a\uab5b"
)
"""Signs that are letters for UAX #29."""

_BETWEEN_ALL: Final = ".'\u2018\u2019"
"""They do not end a word between two letters or between two digits (MidNumLet, Single_Quote)."""

_BETWEEN_LETTERS: Final = _BETWEEN_ALL + ":\u00b7\u055f\u05f4\u2027"
_BETWEEN_DIGITS: Final = _BETWEEN_ALL + ",;\u0589\u060c\u060d\u066c\u07f8\u2044"
_JOINING: Final = "_\u203f\u2040\u2054"
"""ExtendNumLet, after NFKC."""

_EAST_ASIAN_RUN: Final = re.compile(rf"([{_SINGLE}{_KATAKANA}{_HANGUL}]+)")

_LETTER_OR_DIGIT: Final = re.compile(rf"[^\W_]|[\u066b{_MORE_LETTERS}]")

_ASCII_WORDS: Final = {
    code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)
}
"""For `str.translate` of an ASCII text, so that `split` returns its words. It is three times as
fast as the pattern, with the same result."""

_ASCII_CHUNKS: Final = _ASCII_WORDS | {ord(sign): sign for sign in ".:,;'_"}
"""The same, but keeps the signs that may be inside a word of UAX #29."""

_AT_EDGES: Final = ".:,;'"
"""Signs that do not begin or end a word; most chunks have no other signs."""

_ALL_LETTERS_BELOW: Final = "\u0590"
"""Below the Hebrew script, letters and digits are those of UAX #29 and join with the next."""

_ASCII_INNER: Final = re.compile(
    r"[.:',;](?:(?<=[A-Za-z][.:'])(?=[A-Za-z])|(?<=[0-9][.,;'])(?=[0-9]))"
)
"""Signs inside words of an ASCII text. Begins with a set, which `re` finds quickly."""

_UNDERSCORES: Final = re.compile("_+")
_ASCII_CONTRACTION: Final = re.compile(r"'[Ss](?<=[A-Za-z]'[Ss])(?![A-Za-z0-9_]|[.:'][A-Za-z])")

_ASCII_SEGMENT: Final = re.compile(r"(?:[a-z]+(?:[.:'](?=[a-z]))?|[0-9]+(?:[.,;'](?=[0-9]))?|_+)+")


def fold(text: str) -> str:
    """Fold a text for comparison."""
    return unicodedata.normalize("NFKC", text).casefold()


def split_plain(text: str) -> list[str]:
    """Split a text into runs of letters and digits; each ideograph and kana is a word."""
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    return _compile_plain_pattern().findall(fold(text))


def split_unicode(text: str) -> list[str]:
    """Split a text into words of UAX #29, like Lucene's standard tokenizer."""
    chunks = text.translate(_ASCII_CHUNKS) if text.isascii() else fold(text)
    words: list[str] = []
    for chunk in chunks.split():
        chunk = chunk.strip(_AT_EDGES)  # noqa: PLW2901 - the same chunk
        if chunk.isalnum() and (chunk.isascii() or max(chunk) < _ALL_LETTERS_BELOW):
            words.append(chunk)
        elif chunk:
            words += _split_chunk(chunk)
    return words


def _split_chunk(chunk: str) -> Iterable[str]:
    """Split a chunk of folded text without white space into words."""
    pattern = _ASCII_SEGMENT if chunk.isascii() else _compile_word_pattern()
    for word in pattern.findall(chunk):
        if word[0] not in _JOINING or _LETTER_OR_DIGIT.search(word):
            yield word


def mark_ascii(text: str, mark: Callable[[str], str], *, contracted: bool = False) -> str:
    """Mark the signs inside words of UAX #29 in an ASCII text.

    Marking the few signs inside words is faster than splitting the text.

    Args:
        text: the text.
        mark: returns the replacement for a sign inside a word.
        contracted: whether to remove an English `'s` from words.
    """
    if contracted and "'" in text:
        text = _ASCII_CONTRACTION.sub(" ", text)
    if "_" in text:
        text = _UNDERSCORES.sub(lambda run: mark(run[0]) if _touches_word(run) else " ", text)
    return _ASCII_INNER.sub(lambda sign: mark(sign[0]), text)


def _touches_word(run: re.Match[str]) -> bool:
    start, end = run.span()
    return run.string[start - 1 : start].isalnum() or run.string[end : end + 1].isalnum()


def split_east_asian(text: str) -> Iterable[tuple[bool, str]]:
    """Split a text into runs of Chinese, Japanese and Korean script (True) and other text."""
    for number, part in enumerate(_EAST_ASIAN_RUN.split(fold(text))):
        if part:
            yield number % 2 == 1, part


@cache
def _list_characters(*categories: str) -> str:
    """List the characters of categories; for `re`, vowel signs and accents are not letters.

    Cached at the first text that is not ASCII, so that the start is fast.
    """
    return "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] in categories)


@cache
def _compile_plain_pattern() -> re.Pattern[str]:
    alone = rf"{_SINGLE}\u30a1-\u30fa\u30fc-\u30ff"
    return re.compile(rf"[{alone}]|(?:[^\W_{alone}][{_list_characters('M')}]*)+")


@cache
def _compile_word_pattern() -> re.Pattern[str]:
    """Compile the pattern of a word of UAX #29, by its rules WB4 to WB13b."""
    formats = "".join(
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) == "Cf"
    ).translate(dict.fromkeys([0x200B, 0x70F, *range(0x600, 0x606), 0x6DD, 0x8E2]))
    extend = f"[{_list_characters('M')}{re.escape(formats)}]*"  # WB4: they belong to what precedes
    other = f"{_SINGLE}{_KATAKANA}{_SPACELESS}{_HEBREW}"
    plain, digit = rf"[^\W\d_{other}]", r"[\d\u066b]"
    next_letter = f"(?={plain}|[{_HEBREW}{_MORE_LETTERS}])"
    between = f"[{_BETWEEN_LETTERS}]{extend}{next_letter}"
    letters = f"(?:{plain}+{extend})+(?:{between})?"  # WB5 to WB7
    more = f"[{_MORE_LETTERS}]{extend}(?:{between})?"
    hebrew = f'(?:[{_HEBREW}]+{extend})+(?:{between}|"{extend}(?=[{_HEBREW}]))?'  # WB7b, WB7c
    digits = f"(?:{digit}+{extend})+(?:[{_BETWEEN_DIGITS}]{extend}(?={digit}))?"  # WB8, 11, 12
    run = f"(?:(?:{letters}|{digits}|{hebrew}|{more})+|(?:[{_KATAKANA}]+{extend})+)"
    joining = f"(?:[{_JOINING}]+{extend})+"  # WB13a, WB13b
    word = f"{run}(?:{joining}(?:{run})?)*|(?:{joining}(?:{run})?)+"
    return re.compile(rf"{word}|[{_SINGLE}]{extend}|(?:(?!\d)[{_SPACELESS}]{extend})+")
