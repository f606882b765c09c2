"""Build the function's package: this folder, our provider's wheel, Stache, and what they need.

Wheels are chosen by the function's platform and Python, so any Python with pip on any
machine builds for any runtime. If it is the runtime's own version, whatever the machine, the
package also gets bytecode, without which a cold start takes twice as long. The provider comes
from the wheel that `make wheel` builds: the package index has an older package of that name.

    python build_package.py --runtime python3.13 --architecture arm64 --zip ../../dist/function.zip
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pip._vendor.packaging.requirements import Requirement

FOLDER: Final = Path(__file__).resolve().parent
WHEELS: Final = FOLDER.parents[1] / "dist"
OURS: Final = (FOLDER / "handler.py", FOLDER / "documents.py", FOLDER.parent / "word_hashing.py")

MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's architectures, as wheels call them."""

GLIBC: Final = {"python3.11": 26, "python3.12": 34, "python3.13": 34, "python3.14": 34}
"""Lambda's runtimes, each with the minor version of its glibc: Amazon Linux 2 has 2.26, Amazon
Linux 2023 has 2.34 (https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html)."""

LARGEST: Final = 250 * 1024 * 1024
"""Bytes that Lambda takes, unzipped
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

LARGEST_ZIP: Final = 50 * 1024 * 1024
"""Bytes of a zip that Lambda takes without S3; the same page."""

UNUSED: Final = (
    *("fastapi", "python-multipart", "uvicorn"),  # Stache's web server
    *("click", "rich", "tqdm"),  # the commands
    *("markdown", "pdfplumber", "pypdf2", "tiktoken"),  # readers of files: a function takes text
)
"""Requirements of Stache's core and of our provider that a function never imports. They are left
out, with what only they need. What requirements.txt names, or something else needs, stays."""

_WITH_UNUSED: Final = ("stache-ai", "stache-ai-s3vectors")

SERVICES: Final = (
    *("s3vectors", "dynamodb", "bedrock-runtime"),
    *("signin", "sso", "sso-oidc", "sts"),  # sources of credentials
)
"""Services that boto3 can make clients of. The models of all others, most of its size, are left
out: if your code calls another service, add its name."""

TASK: Final = "/var/task"
"""The folder of a function's code in Lambda, for the file names of tracebacks."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip: the same content makes the same zip."""


def find_wheel() -> Path:
    """The provider's wheel, which `make wheel` builds."""
    wheels = sorted(
        WHEELS.glob("stache_ai_s3vectors-*.whl"), key=lambda wheel: wheel.stat().st_mtime
    )
    if not wheels:
        sys.exit(f"build_package.py: no wheel of the provider in {WHEELS}; run: make wheel")
    return wheels[-1]


def install(target: Path, runtime: str, architecture: str) -> None:
    """Install everything that runs in the function."""
    # By its path: of two with one name and version, pip prefers the index's
    packages = [f"--requirement={FOLDER / 'requirements.txt'}", str(find_wheel())]
    while packages:
        _run_pip(packages, target, runtime, architecture)
        before, packages = packages, list_missing(target, runtime, architecture)
        if packages == before:
            sys.exit(f"build_package.py: pip did not install {', '.join(packages)}")


def _run_pip(packages: list[str], target: Path, runtime: str, architecture: str) -> None:
    libraries = ["manylinux2014", *(f"manylinux_2_{n}" for n in range(17, GLIBC[runtime] + 1))]
    platforms = [f"--platform={library}_{MACHINES[architecture]}" for library in libraries]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--upgrade"]
    command += ["--only-binary=:all:", "--implementation=cp", *platforms]
    command += [f"--python-version={runtime.removeprefix('python')}", f"--target={target}"]
    if subprocess.run([*command, *packages], check=False).returncode:  # noqa: S603 - pip, of this Python
        sys.exit(
            "build_package.py: pip failed; its message is above. Is pip installed (python -m "
            "ensurepip), and does its index have these wheels?"
        )


def list_missing(target: Path, runtime: str, architecture: str) -> list[str]:
    """List the requirements of the installed packages that are not installed.

    pip chooses wheels for another Python, but asks the Python that it runs in whether a
    requirement such as `tomli; python_version < "3.11"` applies
    (https://github.com/pypa/pip/issues/11664).
    """
    from pip._vendor.packaging.utils import canonicalize_name

    installed = _find_distributions(target)
    missing = set()
    for needed in _list_requirements(installed, installed, runtime, architecture):
        if canonicalize_name(needed.name) not in installed:
            needed.marker = None
            missing.add(str(needed))
    return sorted(missing)


def _find_distributions(target: Path) -> dict[str, metadata.Distribution]:
    """The installed distributions by their normalized names."""
    from pip._vendor.packaging.utils import canonicalize_name

    distributions = metadata.distributions(path=[str(target)])
    return {canonicalize_name(each.metadata["Name"]): each for each in distributions}


def _list_requirements(
    installed: Mapping[str, metadata.Distribution],
    names: Iterable[str],
    runtime: str,
    architecture: str,
    unused: Iterable[str] = (),
) -> Iterator[Requirement]:
    """List what these distributions require, and what that requires, where the function runs."""
    from pip._vendor.packaging.requirements import Requirement
    from pip._vendor.packaging.utils import canonicalize_name

    environment = _describe_environment(runtime, architecture)
    queue = [(name, "") for name in names]
    for name, extra in queue:  # which grows
        for text in installed[name].requires or [] if name in installed else []:
            needed = Requirement(text)
            key = canonicalize_name(needed.name)
            if needed.marker and not needed.marker.evaluate({**environment, "extra": extra}):
                continue
            if key in unused and name in _WITH_UNUSED:
                continue
            yield needed
            queue += [(key, e) for e in ("", *needed.extras) if (key, e) not in queue]


def _describe_environment(runtime: str, architecture: str) -> dict[str, str]:
    """The values of the variables in a requirement's marker, where the function runs."""
    version = runtime.removeprefix("python")
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def trim(target: Path, runtime: str, architecture: str) -> None:
    """Remove what a function never runs."""
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands of packages
    installed = _find_distributions(target)
    for name in installed.keys() - _list_used(installed, runtime, architecture):
        _remove(installed[name], target)
    for file in target.glob("*.dist-info/direct_url.json"):
        file.unlink()  # where the wheel was on the machine that built it
    for folder in [*target.rglob("__pycache__")]:
        shutil.rmtree(folder)
    trim_models(target)


def _list_used(
    installed: Mapping[str, metadata.Distribution], runtime: str, architecture: str
) -> set[str]:
    """List what pip was asked for, by the file REQUESTED, and what that needs."""
    from pip._vendor.packaging.utils import canonicalize_name

    names = [name for name, each in installed.items() if each.read_text("REQUESTED") is not None]
    needed = _list_requirements(installed, names, runtime, architecture, UNUSED)
    return {*names, *(canonicalize_name(each.name) for each in needed)}


def trim_models(target: Path) -> None:
    """Remove boto's models of the services that the function does not call."""
    models = target / "botocore" / "data"
    if missing := [name for name in SERVICES if not (models / name).is_dir()]:
        sys.exit(
            f"build_package.py: botocore has no service {', '.join(missing)}; correct SERVICES"
        )
    for data in (models, target / "boto3" / "data"):
        for folder in [path for path in data.iterdir() if path.is_dir()]:
            if folder.name not in SERVICES:
                shutil.rmtree(folder)


def _remove(distribution: metadata.Distribution, target: Path) -> None:
    """Remove the files of a distribution, and the folders that are empty then."""
    for file in distribution.files or ():
        path = target / file
        if ".." in file.parts or not path.is_file():  # commands, which are gone
            continue
        path.unlink()
        for folder in path.relative_to(target).parents[:-1]:
            if any((target / folder).iterdir()):
                break
            (target / folder).rmdir()


def compile_package(target: Path, runtime: str) -> None:
    """Add bytecode, which Lambda could not write: its folder of the code is read-only.

    Python reads it without a look at the source, so it is the same for the same source.
    """
    own = ".".join(platform.python_version_tuple()[:2])
    if runtime != f"python{own}" or platform.python_implementation() != "CPython":
        print(
            f"build_package.py: Python {own} cannot compile for {runtime}, so the package has no "
            "bytecode and a cold start takes about twice as long. For bytecode, run "
            f"build_package.py with {runtime}",
            file=sys.stderr,
        )
        return
    command = [sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode"]
    command += ["unchecked-hash", "-s", str(target), "-p", TASK, str(target)]
    # If a module does not compile, compileall says so; no function can import it either
    subprocess.run(command, check=False)  # noqa: S603 - this Python


def check_size(target: Path) -> None:
    """Refuse a package that is too large for Lambda."""
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    if size > LARGEST:
        sys.exit(
            f"build_package.py: {size:,} bytes are more than the {LARGEST:,} that Lambda takes"
        )


def pack(folder: Path, file: Path) -> None:
    """Zip a folder, reproducibly."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def build(target: Path, runtime: str, architecture: str) -> None:
    """Put the whole function into a folder, which is empty or does not exist."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        sys.exit(f"build_package.py: {target} is not an empty folder; name another, or remove it")
    target.mkdir(parents=True, exist_ok=True)
    install(target, runtime, architecture)
    trim(target, runtime, architecture)
    for file in OURS:
        shutil.copy(file, target)
    compile_package(target, runtime)
    check_size(target)


def main() -> None:
    """Read the arguments, build."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runtime", choices=GLIBC, default="python3.13", help="%(default)s")
    parser.add_argument("--architecture", choices=MACHINES, default="arm64", help="%(default)s")
    parser.add_argument("--output", type=Path, help="the folder to build in")
    parser.add_argument("--zip", type=Path, help="the file to build")
    options = parser.parse_args()
    if options.output is None and options.zip is None:
        parser.error("pass --output FOLDER, --zip FILE or both")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.output or Path(scratch)
        build(folder, options.runtime, options.architecture)
        if options.zip is not None:
            pack(folder, options.zip)
            size = options.zip.stat().st_size
            too_large = "; more than Lambda takes without S3" if size > LARGEST_ZIP else ""
            print(f"{options.zip}: {size:,} bytes{too_large}")


if __name__ == "__main__":
    main()
