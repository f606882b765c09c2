"""The function's package: what `build.py` puts into it, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

import build
import deployables

SCRIPT = deployables.ROOT / "examples" / "lambda" / "build.py"


def run(*arguments):
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_zip_has_our_provider_and_fits_into_lambda(tmp_path):
    """Unzipped, it may have 250 MB; the wheels are those of the runtime and the architecture."""
    deployables.run(
        sys.executable, SCRIPT, "--zip", tmp_path / "function.zip", cwd=deployables.ROOT
    )

    deployables.check(tmp_path / "function.zip")
    with zipfile.ZipFile(tmp_path / "function.zip") as packed:
        entries = packed.infolist()
    native = [entry.filename for entry in entries if ".cpython-" in entry.filename]
    assert sum(entry.file_size for entry in entries) < build.LARGEST
    assert native
    assert all(".cpython-313-aarch64-linux-gnu" in name for name in native)
    assert not [entry for entry in entries if "__pycache__" in entry.filename]


def test_the_same_content_makes_the_same_zip(tmp_path):
    """So that a deployment of what did not change changes nothing."""
    for name in ("one", "two"):
        (tmp_path / name / "package").mkdir(parents=True)
        for file in ("b.py", "a.py", "package/c.py")[:: 1 if name == "one" else -1]:
            (tmp_path / name / file).write_text(file)
        build.pack(tmp_path / name, tmp_path / f"{name}.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def distribution(folder, name, *requirements):
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    lines = [f"Requires-Dist: {requirement}" for requirement in requirements]
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines])
    (info / "METADATA").write_text(text)


@pytest.mark.parametrize(
    "runtime, architecture, wanted",
    [
        ("python3.10", "arm64", ["backport>=1"]),
        ("python3.13", "arm64", ["arm-only"]),
        ("python3.13", "x86_64", ["fast[more]"]),
    ],
)
def test_what_pip_leaves_out_for_the_builder_s_own_python_is_named(
    tmp_path, runtime, architecture, wanted
):
    """Markers are asked where the function will run; extras only when somebody wants them."""
    there = {"arm-only", "backport", "fast"} - {text.split(">")[0].split("[")[0] for text in wanted}
    distribution(
        tmp_path,
        "main",
        'backport>=1; python_version < "3.11"',
        'arm-only; platform_machine == "aarch64"',
        'fast[more]; sys_platform == "linux"',
        'windows; sys_platform == "win32"',
        'docs; extra == "docs"',
    )
    for name in there:
        distribution(tmp_path, name, 'gone; extra == "less"')

    assert build.missing(tmp_path, runtime, architecture) == wanted


def test_an_extra_that_is_wanted_is_looked_into(tmp_path):
    """Also when what wants it was looked at before."""
    distribution(tmp_path, "main", "fast[more]")
    distribution(tmp_path, "fast", 'loop; extra == "more"', "plain")

    assert build.missing(tmp_path, "python3.13", "arm64") == ["loop", "plain"]


def test_too_much_is_refused(tmp_path, monkeypatch):
    """Before Lambda does."""
    (tmp_path / "big.bin").write_bytes(b"x" * 11)
    monkeypatch.setattr(build, "LARGEST", 10)

    with pytest.raises(SystemExit, match="11 bytes are more than the 10 that Lambda takes"):
        build.check_size(tmp_path)


def test_without_the_wheel_it_says_how_to_build_it(tmp_path, monkeypatch):
    """The package index has another package of that name."""
    monkeypatch.setattr(build, "WHEELS", tmp_path)

    with pytest.raises(SystemExit, match="no wheel of the provider in .*; run: make wheel"):
        build.provider_wheel()


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ([], "say where: --output FOLDER, --zip FILE or both"),
        (["--runtime", "3.13", "--zip", "x"], "'3.13' is no runtime of Lambda; python3.13 is one"),
        (["--architecture", "mips", "--zip", "x"], "invalid choice: 'mips'"),
    ],
)
def test_bad_options_are_refused(arguments, problem):
    """With what is allowed."""
    result = run(*arguments)

    assert result.returncode == 2
    assert problem in result.stderr
