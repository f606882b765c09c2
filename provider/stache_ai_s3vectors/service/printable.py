"""Texts of others, such that they may be printed and logged. Pure."""

from __future__ import annotations

import re
from typing import Final

_USER: Final = re.compile(r"(?<=://)[^\s\"'<>]*@")
"""Up to the last @: a password that was not encoded may hold one, and a slash."""

_PORT: Final = re.compile(r"(?<=could not be cast to integer value as )'.*'")
"""urllib's words about a password with a slash, of which it takes the beginning for a port."""

_BIDI: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""What changes the direction of the text around it: https://www.unicode.org/reports/tr9/"""

_SURROGATES: Final = range(0xD800, 0xE000)
"""Halves of characters, which no encoding of a terminal or a file takes."""

_CONTROL: Final = {
    code: repr(chr(code))[1:-1]
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *_BIDI, *_SURROGATES)
}
"""Characters that change a line or a terminal, each as Python writes it in a string."""


def to_printable(text: object) -> str:
    """A text on one line: it can neither begin another in a log nor control a terminal."""
    return str(text).translate(_CONTROL)


def strip_passwords(text: object) -> str:
    """A text whose URLs name neither a user nor a password."""
    return _PORT.sub("'…'", _USER.sub("…@", str(text)))
