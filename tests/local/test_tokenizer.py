"""Words of UAX #29, compared with its rules and Unicode's table of classes."""

from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local.tokenizer import fold, split_plain, split_unicode

CLASSES = {
    name: regex.compile(rf"\p{{Word_Break={name}}}")
    for name in (
        "ALetter",
        "Hebrew_Letter",
        "Numeric",
        "Katakana",
        "ExtendNumLet",
        "MidLetter",
        "MidNum",
        "MidNumLet",
        "Single_Quote",
        "Double_Quote",
        "Extend",
        "Format",
        "ZWJ",
    )
}
IGNORED = {"Extend", "Format", "ZWJ"}
LETTERS = {"ALetter", "Hebrew_Letter"}
BETWEEN_LETTERS = {"MidLetter", "MidNumLet", "Single_Quote"}
BETWEEN_DIGITS = {"MidNum", "MidNumLet", "Single_Quote"}
JOINED = LETTERS | {"Numeric", "Katakana", "ExtendNumLet"}
ALONE = regex.compile(r"[\p{Han}\p{Hiragana}\u3005-\u3007]")

CHARACTERS = (
    "abzAZ09 ._,:;'\"-@/\n" + "éßжאבگبहिन्दीעδ·’‧١٢٫٬アタワーひ漢字한국\u00ad\u200d\u0301՟˗֊_x1"
)


def get_class(character):
    return next((name for name, pattern in CLASSES.items() if pattern.match(character)), "Other")


def has_no_boundary(units, at):
    """Whether UAX #29 has no boundary between two units: rules WB5 to WB13b."""
    before, after = units[at - 1][0], units[at][0]
    ahead = units[at + 1][0] if at + 1 < len(units) else None
    behind = units[at - 2][0] if at > 1 else None
    return (
        ({before, after} <= LETTERS | {"Numeric"})  # WB5, WB8 to WB10
        or (before in LETTERS and after in BETWEEN_LETTERS and ahead in LETTERS)  # WB6
        or (behind in LETTERS and before in BETWEEN_LETTERS and after in LETTERS)  # WB7
        or (before == "Hebrew_Letter" and after == "Double_Quote" and ahead == before)  # WB7b
        or (behind == after == "Hebrew_Letter" and before == "Double_Quote")  # WB7c
        or (behind == after == "Numeric" and before in BETWEEN_DIGITS)  # WB11
        or (before == "Numeric" and after in BETWEEN_DIGITS and ahead == "Numeric")  # WB12
        or before == after == "Katakana"  # WB13
        or (before in JOINED and after == "ExtendNumLet")  # WB13a
        or (before == "ExtendNumLet" and after in JOINED)  # WB13b
    )


def split_reference(text):
    """Split a folded text into words, one rule at a time.

    WB7a is left out: it gives a quote at a word's end to the word, in Hebrew.
    """
    units = []
    for character in text:
        kind = get_class(character)
        if kind in IGNORED and units and units[-1][1] not in " \n":  # WB4, WB3a
            units[-1][1] += character
        else:
            units.append([kind, character])
    words = []
    for at, (kind, characters) in enumerate(units):
        if at and has_no_boundary(units, at):
            words[-1].append((kind, characters))
        else:
            words.append([(kind, characters)])
    return [
        "".join(characters for _, characters in word)
        for word in words
        if {kind for kind, _ in word} & (JOINED - {"ExtendNumLet"}) or ALONE.match(word[0][1])
    ]


@given(st.text(CHARACTERS, max_size=12))
def test_words_follow_the_rules(text):
    """Texts mix scripts, marks and signs inside words."""
    assert split_unicode(text) == split_reference(fold(text))


@given(st.text([chr(code) for code in range(128)], max_size=40))
def test_ascii_words_follow_the_rules(text):
    """They have a faster implementation."""
    assert split_unicode(text) == split_reference(fold(text))


@given(st.text(max_size=40))
def test_words_are_valid_for_any_text(text):
    """None is empty, has only joining signs, or contains white space."""
    for split in (split_unicode, split_plain):
        words = split(text)
        assert all(word.strip("_‿⁀⁔") for word in words)
        assert not any(map(str.isspace, "".join(words)))


def test_long_runs_of_signs_take_no_longer_than_words():
    """No sign is read repeatedly, which would take minutes."""
    for text in ("_" * 40_000, "a." * 20_000, "_é" * 20_000, "1," * 20_000 + "é", "'" * 40_000):
        assert len(split_unicode(text)) <= 2
