"""Text from outside, made safe to print and log. Pure."""

from __future__ import annotations

import re
from typing import Final

_USER: Final = re.compile(r"(?<=://)[^\s\"'<>]*@")
"""The user part of a URL, up to the last @: an unencoded password may contain @ and slashes."""

_PORT: Final = re.compile(r"(?<=could not be cast to integer value as )'.*'")
"""urllib's message about a password with a slash, whose beginning it takes for a port."""

_BIDI: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Characters that change the direction of the text around them: https://www.unicode.org/reports/tr9/"""

_SURROGATES: Final = range(0xD800, 0xE000)
"""Halves of characters, which no encoding of a terminal or a file takes."""

_CONTROL: Final = {
    code: repr(chr(code))[1:-1]
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *_BIDI, *_SURROGATES)
}
"""Characters that change a line or a terminal, each as Python writes it in a string."""


def to_printable(text: object) -> str:
    """A text on one line, which can neither begin a log line nor control a terminal."""
    return str(text).translate(_CONTROL)


def strip_passwords(text: object) -> str:
    """Remove users and passwords from the URLs in a text."""
    return _PORT.sub("'…'", _USER.sub("…@", str(text)))
