"""The members of a request to the console, with checks of their types and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3vectors_local.errors import ValidationException

_SHOWN = 80


class Members:
    """A JSON object that is not checked yet.

    Args:
        document: the request; unknown members are ignored.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def has(self, name: str) -> bool:
        """Whether the member exists and is not null."""
        return self._document.get(name) is not None

    def text(self, name: str) -> str:
        """A string that is not empty."""
        value = self._document.get(name)
        if not isinstance(value, str) or not value:
            raise _build_type_error(name, value, "a string of one character or more")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None when it is missing or empty."""
        return self.text(name) if self._document.get(name) not in (None, "") else None

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        """A whole number in a range."""
        value = self._document.get(name, default)
        if type(value) is not int or not minimum <= value <= maximum:
            raise _build_type_error(name, value, f"a whole number from {minimum:,} to {maximum:,}")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, which is false when it is missing."""
        value = self._document.get(name, False)
        if not isinstance(value, bool):
            raise _build_type_error(name, value, "true or false")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of some strings; the first when it is missing."""
        value = self._document.get(name, choices[0])
        if value not in choices:
            raise _build_type_error(name, value, f"one of {', '.join(choices)}")
        return str(value)

    def texts(self, name: str, maximum: int) -> list[str]:
        """Strings that are not empty, one or more."""
        value = self._document.get(name)
        listed = value if isinstance(value, list) else []
        whole = all(isinstance(text, str) and text for text in listed)
        if not listed or len(listed) > maximum or not whole:
            raise _build_type_error(name, value, f"an array of 1 to {maximum:,} strings")
        return listed

    def any(self, name: str) -> Any:
        """Any value: the service checks it."""
        return self._document.get(name)


def _build_type_error(name: str, value: Any, expected: str) -> ValidationException:
    shown = f"{value!r}"
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    message = f"Value at '/{name}' is {shown}; it must be {expected}"
    return ValidationException(message, (f"/{name}", message))
