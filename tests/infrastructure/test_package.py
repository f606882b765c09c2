"""The function's package: what `build_package.py` includes in it, and what it refuses."""

from __future__ import annotations

import json
import marshal
import re
import subprocess
import sys
import zipfile
from collections import Counter

import pytest

import build_package
from stache_function import CHOICES
from support import ROOT
from support.deployment import deployables, sam
from support.deployment.function_life import RUNTIME

LARGEST = 60 * 10**6
"""The maximum size in bytes of the example's package, unzipped and with bytecode."""

SCRIPT = ROOT / "examples" / "lambda" / "build_package.py"


def run_build(*arguments):
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def impostor(tmp_path):
    """Create a folder where pip finds another package with our name and version."""
    name = f"stache_ai_s3vectors-{deployables.read_version()}"
    metadata = (
        f"Metadata-Version: 2.1\nName: stache-ai-s3vectors\nVersion: {deployables.read_version()}\n"
    )
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("stache_ai_s3vectors/__init__.py", "raise SystemExit('not ours')")
        wheel.writestr(f"{name}.dist-info/METADATA", metadata)
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    return folder


def measure_folders(entries):
    """Return the size in bytes of each top-level folder and module."""
    sizes = Counter()
    for entry in entries:
        sizes[entry.filename.partition("/")[0]] += entry.file_size
    return sizes


def test_the_zip_has_our_provider_and_is_small(tmp_path, impostor):
    """It is far below Lambda's limit, and its wheels fit the runtime and the architecture.

    It has our provider even if the package index has another package with our name and version.
    """
    package = tmp_path / "function.zip"
    command = (sys.executable, SCRIPT, "--zip", package)
    deployables.run_command(*command, cwd=ROOT, PIP_FIND_LINKS=str(impostor))

    deployables.check_package(tmp_path / "function.zip")
    with zipfile.ZipFile(tmp_path / "function.zip") as packed:
        entries = packed.infolist()
    native = [
        entry.filename for entry in entries if re.search(r"[.]cpython-.*[.]so$", entry.filename)
    ]
    sizes = measure_folders(entries)
    with zipfile.ZipFile(tmp_path / "function.zip") as packed:
        packed.extractall(tmp_path / "unzipped")
    # Bytecode of this Python is as large as that of the function's runtime
    build_package.compile_package(tmp_path / "unzipped", RUNTIME)
    files = (tmp_path / "unzipped").rglob("*")
    unzipped = sum(file.stat().st_size for file in files if file.is_file())
    assert unzipped < LARGEST, f"sizes in bytes: {sizes.most_common()}"
    assert {"botocore", "stache_ai", "stache_ai_s3vectors"} <= sizes.keys()
    assert not {"pdfplumber", "PIL", "uvloop", "fastapi", "rich", "tiktoken"} & sizes.keys()
    assert native
    assert all(".cpython-313-aarch64-linux-gnu" in name for name in native)
    bytecode = any("__pycache__" in entry.filename for entry in entries)
    assert bytecode is (sys.version_info[:2] == (3, 13))
    assert package.stat().st_size < build_package.LARGEST_ZIP


def test_an_excluded_package_is_removed_completely(tmp_path):
    """Its folders go as well, but no files of others and none outside the function's package."""
    package, outside = tmp_path / "package", tmp_path / "bin" / "reader"
    files = ("PIL/image.py", "PIL/raw/more.so", "shared/of_pillow.py", "shared/other.py", "x.py")
    for file in (*(package / name for name in files), outside):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    write_distribution(package, "pillow")
    record = ["PIL/image.py", "PIL/raw/more.so", "shared/of_pillow.py", "../bin/reader", "gone.py"]
    info = [f"pillow-1.0.dist-info/{name}" for name in ("METADATA", "RECORD")]
    (package / info[1]).write_text("".join(f"{name},,\n" for name in [*record, *info]))

    make_models(package, *build_package.SERVICES)

    build_package.trim(package, "python3.13", "arm64")

    assert outside.exists()
    remaining = {path.relative_to(package).as_posix() for path in package.rglob("*")}
    others = {name for name in remaining if "boto" not in name}
    assert others == {"shared", "shared/other.py", "x.py"}


def test_only_requirements_of_stache_alone_are_excluded(tmp_path):
    """Requirements of the function and of other packages stay."""
    folder = tmp_path / "package"
    folder.mkdir()
    write_distribution(folder, "stache-ai", "rich", "fastapi", "tqdm", "click", "orjson")
    write_distribution(folder, "fastapi", "starlette", "pydantic")
    write_distribution(folder, "embedder", "tqdm")
    for name in ("click", "orjson", "pydantic", "rich", "starlette", "tqdm"):
        write_distribution(folder, name)
    for name in ("stache-ai", "embedder", "click"):
        (folder / f"{name}-1.0.dist-info" / "REQUESTED").touch()
    for name in ("fastapi", "starlette", "pydantic", "rich"):  # trim removes what RECORD lists
        info = f"{name}-1.0.dist-info"
        (folder / info / "RECORD").write_text(f"{info}/METADATA,,\n{info}/RECORD,,\n")
    make_models(folder, *build_package.SERVICES)

    build_package.trim(folder, "python3.13", "arm64")

    remaining = {path.name.removesuffix("-1.0.dist-info") for path in folder.glob("*.dist-info")}
    assert remaining == {"stache-ai", "embedder", "click", "orjson", "tqdm"}


def make_models(package, *services):
    """Create folders of models as boto has them."""
    for name in services:
        (package / "botocore/data" / name).mkdir(parents=True)
        (package / "boto3/data" / name).mkdir(parents=True)
    (package / "botocore/data/endpoints.json").touch()


def test_models_of_other_services_are_excluded(tmp_path):
    """Files that all services share stay."""
    make_models(tmp_path, *build_package.SERVICES, "s3", "ec2")

    build_package.trim_models(tmp_path)

    remaining = {path.name for path in (tmp_path / "botocore/data").iterdir()}
    assert remaining == {*build_package.SERVICES, "endpoints.json"}
    assert {path.name for path in (tmp_path / "boto3/data").iterdir()} == {*build_package.SERVICES}


def test_a_service_unknown_to_botocore_is_refused(tmp_path):
    """It is misspelled, or botocore has renamed it."""
    make_models(tmp_path, *build_package.SERVICES[1:], "s3")

    with pytest.raises(SystemExit, match="botocore has no service s3vectors; correct SERVICES"):
        build_package.trim_models(tmp_path)


def test_bytecode_is_unchecked_and_reproducible(tmp_path):
    """Python does not check it against its source. Its paths are those in Lambda."""
    compiled = []
    for name in ("one", "two"):
        module = tmp_path / name / "package" / "module.py"
        module.parent.mkdir(parents=True)
        module.write_text("NAMES = {'a', 'b'}\nprint('x' in {'a', 'b', 'c'})\n")

        build_package.compile_package(tmp_path / name, RUNTIME)

        (file,) = tmp_path.glob(f"{name}/package/__pycache__/module.*.pyc")
        compiled.append(file.read_bytes())
        assert module.exists()
    assert compiled[0] == compiled[1]
    assert int.from_bytes(compiled[0][4:8], "little") == 0b01  # hash-based and unchecked
    code = marshal.loads(compiled[0][16:])  # noqa: S302 - our own bytecode
    assert code.co_filename == "/var/task/package/module.py"


@pytest.mark.parametrize("name", [name for name in build_package.GLIBC if name != RUNTIME])
def test_a_build_without_bytecode_warns_of_its_cost_and_names_the_fix(tmp_path, capsys, name):
    """Bytecode is for one version of Python."""
    (tmp_path / "module.py").touch()

    build_package.compile_package(tmp_path, name)

    assert [path.name for path in tmp_path.iterdir()] == ["module.py"]
    message = capsys.readouterr().err
    assert "so the package has no bytecode and a cold start takes about twice as long" in message
    assert message.endswith(f"For bytecode, run build_package.py with {name}\n")


def test_each_tool_offers_exactly_the_supported_runtimes_and_architectures():
    parameters = sam.transform_template(sam.TEMPLATE.read_text()).source["Parameters"]
    variables = (ROOT / "terraform/examples/complete/variables.tf").read_text()

    assert parameters["Runtime"]["AllowedValues"] == list(build_package.GLIBC)
    assert CHOICES["runtime"] == tuple(build_package.GLIBC)
    assert json.dumps(list(build_package.GLIBC)) in variables
    assert CHOICES["architecture"] == tuple(build_package.MACHINES)


def test_a_build_folder_that_is_not_empty_is_refused(tmp_path):
    """Otherwise it could contain wheels of two runtimes."""
    (tmp_path / "old.so").touch()

    with pytest.raises(SystemExit, match="is not an empty folder; name another, or remove it"):
        build_package.build(tmp_path, "python3.13", "arm64")


def test_the_same_files_produce_the_same_zip(tmp_path):
    """So a deployment without changes changes nothing."""
    for name in ("one", "two"):
        (tmp_path / name / "package").mkdir(parents=True)
        for file in ("b.py", "a.py", "package/c.py")[:: 1 if name == "one" else -1]:
            (tmp_path / name / file).write_text(file)
        build_package.pack(tmp_path / name, tmp_path / f"{name}.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def write_distribution(folder, name, *requirements):
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    lines = [f"Requires-Dist: {requirement}" for requirement in requirements]
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines])
    (info / "METADATA").write_text(text)


@pytest.mark.parametrize(
    "runtime, architecture, expected",
    [
        ("python3.10", "arm64", ["backport>=1"]),
        ("python3.13", "arm64", ["arm-only"]),
        ("python3.13", "x86_64", ["fast[more]"]),
    ],
)
def test_requirements_of_another_runtime_that_pip_skipped_are_listed(
    tmp_path, runtime, architecture, expected
):
    """Markers are evaluated for the function's runtime; extras only count if they are requested."""
    installed = {"arm-only", "backport", "fast"} - {
        text.split(">")[0].split("[")[0] for text in expected
    }
    write_distribution(
        tmp_path,
        "main",
        'backport>=1; python_version < "3.11"',
        'arm-only; platform_machine == "aarch64"',
        'fast[more]; sys_platform == "linux"',
        'windows; sys_platform == "win32"',
        'docs; extra == "docs"',
    )
    for name in installed:
        write_distribution(tmp_path, name, 'gone; extra == "less"')

    assert build_package.list_missing(tmp_path, runtime, architecture) == expected


def test_requirements_of_a_requested_extra_are_listed(tmp_path):
    """The package that has the extra may have been checked before."""
    write_distribution(tmp_path, "main", "fast[more]")
    write_distribution(tmp_path, "fast", 'loop; extra == "more"', "plain")

    assert build_package.list_missing(tmp_path, "python3.13", "arm64") == ["loop", "plain"]


def test_a_package_above_lambda_s_limit_is_refused(tmp_path, monkeypatch):
    (tmp_path / "big.bin").write_bytes(b"x" * 11)
    monkeypatch.setattr(build_package, "LARGEST", 10)

    with pytest.raises(SystemExit, match="11 bytes are more than the 10 that Lambda takes"):
        build_package.check_size(tmp_path)


def test_a_missing_wheel_is_an_error_with_its_fix(tmp_path, monkeypatch):
    """The package index has another package with that name."""
    monkeypatch.setattr(build_package, "WHEELS", tmp_path)

    with pytest.raises(SystemExit, match="no wheel of the provider in .*; run: make wheel"):
        build_package.find_wheel()


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ([], "pass --output FOLDER, --zip FILE or both"),
        (["--runtime", "3.13", "--zip", "x"], "invalid choice: '3.13' (choose from"),
        (["--runtime", "python3.10", "--zip", "x"], "invalid choice: 'python3.10'"),
        (["--architecture", "mips", "--zip", "x"], "invalid choice: 'mips'"),
    ],
)
def test_a_bad_option_is_refused(arguments, problem):
    """The error says what is allowed."""
    result = run_build(*arguments)

    assert result.returncode == 2
    assert problem in result.stderr
