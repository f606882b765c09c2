"""How a text is cut into words: in the plainest way, or as Unicode's UAX #29 says.

Lucene's standard tokenizer follows UAX #29, "Unicode Text Segmentation": `os.path.join`, `3.11.2`,
`don't` and `snake_case` are one word each, `john.doe@example.org` is two, a run of katakana is one,
and each ideograph and each hiragana is a word by itself. The plain way ends a word at whatever is
neither a letter nor a digit. Thai and its neighbours write no spaces; their runs are words, as they
are for Lucene. Emoji are no words here.

Python knows which characters are letters, digits and marks; the few of the other classes of UAX
#29 are listed. Texts are folded before: NFKC, and no difference between capitals and small letters.
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
"""Gives the words of a text."""

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
"""Between two letters, or between two digits, they end no word (MidNumLet, Single_Quote)."""

_BETWEEN_LETTERS: Final = _BETWEEN_ALL + ":\u00b7\u055f\u05f4\u2027"
_BETWEEN_DIGITS: Final = _BETWEEN_ALL + ",;\u0589\u060c\u060d\u066c\u07f8\u2044"
_JOINING: Final = "_\u203f\u2040\u2054"
"""ExtendNumLet, as far as NFKC leaves it."""

_EAST_ASIAN_RUN: Final = re.compile(rf"([{_SINGLE}{_KATAKANA}{_HANGUL}]+)")

_LETTER_OR_DIGIT: Final = re.compile(rf"[^\W_]|[\u066b{_MORE_LETTERS}]")

_ASCII_WORDS: Final = {
    code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)
}
"""What `str.translate` makes of an ASCII text, so that `split` gives its words: three times
as fast as the pattern, and the same."""

_ASCII_CHUNKS: Final = _ASCII_WORDS | {ord(sign): sign for sign in ".:,;'_"}
"""The same, with the signs that may be inside a word of UAX #29."""

_AT_EDGES: Final = ".:,;'"
"""Signs that neither begin nor end a word; most pieces between white space have no others."""

_ALL_LETTERS_BELOW: Final = "\u0590"
"""What is a letter or a digit below the Hebrew script is so for UAX #29, and joins the next."""

_ASCII_INNER: Final = re.compile(
    r"[.:',;](?:(?<=[A-Za-z][.:'])(?=[A-Za-z])|(?<=[0-9][.,;'])(?=[0-9]))"
)
"""Signs inside words of an ASCII text. It begins with a set, which `re` looks for quickly."""

_UNDERSCORES: Final = re.compile("_+")
_ASCII_CONTRACTION: Final = re.compile(r"'[Ss](?<=[A-Za-z]'[Ss])(?![A-Za-z0-9_]|[.:'][A-Za-z])")

_ASCII_SEGMENT: Final = re.compile(r"(?:[a-z]+(?:[.:'](?=[a-z]))?|[0-9]+(?:[.,;'](?=[0-9]))?|_+)+")


def fold(text: str) -> str:
    """The text as it is compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def plain_words(text: str) -> list[str]:
    """Runs of letters and digits; ideographs and kana are words by themselves."""
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    return _plain_pattern().findall(fold(text))


def unicode_words(text: str) -> list[str]:
    """The words of UAX #29, as Lucene's standard tokenizer finds them."""
    chunks = text.translate(_ASCII_CHUNKS) if text.isascii() else fold(text)
    words: list[str] = []
    for chunk in chunks.split():
        chunk = chunk.strip(_AT_EDGES)  # noqa: PLW2901 - the chunk itself
        if chunk.isalnum() and (chunk.isascii() or max(chunk) < _ALL_LETTERS_BELOW):
            words.append(chunk)
        elif chunk:
            words += _segments(chunk)
    return words


def _segments(chunk: str) -> Iterable[str]:
    """The words of a piece of folded text without white space."""
    pattern = _ASCII_SEGMENT if chunk.isascii() else _segment_pattern()
    for word in pattern.findall(chunk):
        if word[0] not in _JOINING or _LETTER_OR_DIGIT.search(word):
            yield word


def mark_ascii(text: str, mark: Callable[[str], str], *, contracted: bool = False) -> str:
    """An ASCII text in which only the ends of the words of UAX #29 are ASCII signs.

    It is quicker to mark the few signs inside words than to cut the text into its words.

    Args:
        text: the text.
        mark: what is put instead of signs inside words.
        contracted: whether words lose an English `'s`.
    """
    if contracted and "'" in text:
        text = _ASCII_CONTRACTION.sub(" ", text)
    if "_" in text:
        text = _UNDERSCORES.sub(lambda run: mark(run[0]) if _touches_word(run) else " ", text)
    return _ASCII_INNER.sub(lambda sign: mark(sign[0]), text)


def _touches_word(run: re.Match[str]) -> bool:
    start, end = run.span()
    return run.string[start - 1 : start].isalnum() or run.string[end : end + 1].isalnum()


def east_asian_parts(text: str) -> Iterable[tuple[bool, str]]:
    """The runs of Chinese, Japanese and Korean script (True), and what is between them."""
    for number, part in enumerate(_EAST_ASIAN_RUN.split(fold(text))):
        if part:
            yield number % 2 == 1, part


@cache
def _marks(*categories: str) -> str:
    """The characters of these categories: `re` does not count vowel signs and accents as letters.

    Worked out when a text is not ASCII for the first time: starting up need not wait for it.
    """
    return "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] in categories)


@cache
def _plain_pattern() -> re.Pattern[str]:
    alone = rf"{_SINGLE}\u30a1-\u30fa\u30fc-\u30ff"
    return re.compile(rf"[{alone}]|(?:[^\W_{alone}][{_marks('M')}]*)+")


@cache
def _segment_pattern() -> re.Pattern[str]:
    """A word of UAX #29: what joins what is numbered there as rules WB4 to WB13b."""
    formats = "".join(
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) == "Cf"
    ).translate(dict.fromkeys([0x200B, 0x70F, *range(0x600, 0x606), 0x6DD, 0x8E2]))
    extend = f"[{_marks('M')}{re.escape(formats)}]*"  # WB4: they belong to what is before them
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
