"""The module that writes and reads exports, in both of the packages that have it."""

from __future__ import annotations

import io

import pytest

import s3vectors_local.exports
import stache_ai_s3vectors.tool.exports

MODULES = [s3vectors_local.exports, stache_ai_s3vectors.tool.exports]
KEYS = [f"key-{n:04}" for n in range(2_500)]


class Named(io.BytesIO):
    """Bytes with the name of a file."""

    name = "it.jsonl"


def written(module, file, keys, *, compressed, resumed=None):
    """What a writer adds to a file, whole or up to where it was interrupted."""
    head = module.header(2, "cosine", ["text"])
    writer = module.Writer(file, compressed=compressed, head=head, keys=resumed)
    begun = writer.count
    for key in keys[begun:]:
        writer.add(key, {"b": 1, "a": "x"}, b"[0.5,1]")
    return writer, begun


def read(module, data):
    reader = module.Reader(io.BufferedReader(Named(data)))
    return [vector.key for vector in reader.vectors()]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("compressed", [False, True])
def test_an_interrupted_export_goes_on_to_the_same_file(module, compressed):
    """After the last whole block, whatever is behind it."""
    whole = Named()
    written(module, whole, KEYS, compressed=compressed)[0].finish()
    assert read(module, whole.getvalue()) == KEYS

    begun_with = []
    for cut in (0, 10, len(whole.getvalue()) // 2, len(whole.getvalue()) - 1):
        file = Named(whole.getvalue()[:cut] + b"\x1f\x8bgarbage")
        writer, begun = written(module, file, KEYS, compressed=compressed, resumed=KEYS)
        writer.finish()
        begun_with.append(begun)
        assert file.getvalue() == whole.getvalue()
    assert begun_with[0] == 0 < begun_with[-1]


@pytest.mark.parametrize("module", MODULES)
def test_another_export_is_not_gone_on_with(module):
    """Neither with other keys nor with another head."""
    file = Named()
    written(module, file, KEYS[1:], compressed=False)[0].finish()

    writer, begun = written(module, file, KEYS, compressed=False, resumed=KEYS)
    writer.finish()

    assert begun == 0
    assert read(module, file.getvalue()) == KEYS


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda lines: lines[:-1], "line 2502 .* is missing: the file was cut off"),
        (lambda lines: [*lines, lines[1]], "line 2503 .*its sum does not fit"),
        (lambda lines: [b"{}", *lines[1:]], "line 1 .* not the first line of an export"),
        (lambda lines: [lines[0], b"x" * (1 << 20) + b"x"], "line 2 .* longer than 1,048,576"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(module, change, message):
    """Whatever is wrong with it."""
    file = Named()
    written(module, file, KEYS, compressed=False)[0].finish()
    lines = change(file.getvalue().split(b"\n")[:-1])

    with pytest.raises(module.DamagedExportError, match=message):
        read(module, b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize("module", MODULES)
def test_an_export_of_another_version_is_refused(module):
    """With the version."""
    head = {**module.header(2, "cosine", []), "version": 2}
    file = Named()
    module.Writer(file, compressed=False, head=head).finish()

    with pytest.raises(module.DamagedExportError, match="says version 2; this program reads 1"):
        read(module, file.getvalue())
    assert module.DamagedExportError.remedy.startswith("Fetch the file again")
