"""Both packages write and read exports with the same module."""

from __future__ import annotations

import io

import pytest

import s3vectors_local.exports
import stache_ai_s3vectors.tool.exports

MODULES = [s3vectors_local.exports, stache_ai_s3vectors.tool.exports]
KEYS = [f"key-{n:04}" for n in range(2_500)]


class NamedBytes(io.BytesIO):
    """A file in memory that has a name."""

    name = "it.jsonl"


def write(module, file, keys, *, compressed, resumed=None):
    """Write an export, whole or from where it was interrupted; return the writer and its start."""
    head = module.build_header(2, "cosine", ["text"])
    writer = module.Writer(file, compressed=compressed, head=head, keys=resumed)
    begun = writer.count
    for key in keys[begun:]:
        writer.add(key, {"b": 1, "a": "x"}, b"[0.5,1]")
    return writer, begun


def read(module, data):
    reader = module.Reader(io.BufferedReader(NamedBytes(data)))
    return [vector.key for vector in reader.vectors()]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("compressed", [False, True])
def test_an_interrupted_export_continues_to_the_same_file(module, compressed):
    """It continues after the last whole block, whatever follows that block."""
    complete = NamedBytes()
    write(module, complete, KEYS, compressed=compressed)[0].finish()
    assert read(module, complete.getvalue()) == KEYS

    begun_with = []
    for cut in (0, 10, len(complete.getvalue()) // 2, len(complete.getvalue()) - 1):
        file = NamedBytes(complete.getvalue()[:cut] + b"\x1f\x8bgarbage")
        writer, begun = write(module, file, KEYS, compressed=compressed, resumed=KEYS)
        writer.finish()
        begun_with.append(begun)
        assert file.getvalue() == complete.getvalue()
    assert begun_with[0] == 0 < begun_with[-1]


@pytest.mark.parametrize("module", MODULES)
def test_an_export_of_other_keys_is_not_continued(module):
    """The writer starts from the beginning."""
    file = NamedBytes()
    write(module, file, KEYS[1:], compressed=False)[0].finish()

    writer, begun = write(module, file, KEYS, compressed=False, resumed=KEYS)
    writer.finish()

    assert begun == 0
    assert read(module, file.getvalue()) == KEYS


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda lines: lines[:-1], "line 2502 .* is missing: the file was cut off"),
        (lambda lines: [*lines, lines[1]], "line 2503 .*its checksum does not match"),
        (lambda lines: [b"{}", *lines[1:]], "line 1 .* not the first line of an export"),
        (lambda lines: [lines[0], b"x" * (1 << 20) + b"x"], "line 2 .* longer than 1,048,576"),
    ],
)
def test_the_error_about_a_damaged_file_names_the_line(module, change, message):
    """It also says what is wrong with the line."""
    file = NamedBytes()
    write(module, file, KEYS, compressed=False)[0].finish()
    lines = change(file.getvalue().split(b"\n")[:-1])

    with pytest.raises(module.DamagedExportError, match=message):
        read(module, b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize("module", MODULES)
def test_an_export_of_another_version_is_refused(module):
    """The error names both versions."""
    head = {**module.build_header(2, "cosine", []), "version": 2}
    file = NamedBytes()
    module.Writer(file, compressed=False, head=head).finish()

    with pytest.raises(
        module.DamagedExportError, match="has version 2; this program reads version 1"
    ):
        read(module, file.getvalue())
    assert module.DamagedExportError.remedy.startswith("Fetch the file again")
