"""The real `sam build`, on the real function."""

from __future__ import annotations

import shlex
import shutil

import pytest

import deployables
import sam

WANTED = {"Runtime": "python3.12", "Architecture": "x86_64"}
BUILT = ["--runtime", "python3.12", "--architecture", "x86_64"]


@pytest.fixture
def repository(tmp_path):
    """A copy of what `sam build` needs of this repository, in a path with blanks."""
    copy = tmp_path / "my  projects" / "stache"
    shutil.copytree(sam.FOLDER, copy / "sam", ignore=shutil.ignore_patterns(".aws-sam"))
    shutil.copytree(sam.FUNCTION, copy / "examples" / "lambda")
    return copy


def list_make_commands(folder, *arguments):
    """What make would run for `sam build`; it runs nothing."""
    result = sam.run("sam", "build", *arguments, folder=folder, more={"MAKEFLAGS": "n"})
    assert result.returncode == 0, result.stderr
    lines = result.stderr.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if "build.py" in line]


def write_parent_app(repository, **parameters):
    """An app of one's own in the folder beside the repository's, which nests the template."""
    folder = repository.parent / "app"
    folder.mkdir()
    sam.write_nesting_template(folder, f"../{repository.name}/sam/template.yaml", **parameters)
    return folder


def test_sam_build_builds_for_the_runtime_and_the_architecture_named(tmp_path):
    """Whatever Python builds it: the wheels are those of the template's parameters."""
    package = sam.build_function(tmp_path, **WANTED)

    deployables.check_package(package)
    native = [path.name for path in package.rglob("*.cpython-*")]
    assert native
    assert all(".cpython-312-x86_64-linux-gnu" in name for name in native)


@pytest.mark.parametrize("where", [".", "sam", "sam/elsewhere", ".."])
def test_it_is_built_from_any_folder(repository, where):
    """Also in a path with blanks in it."""
    folder = repository / where
    folder.mkdir(exist_ok=True)
    template = repository / "sam" / "template.yaml"
    overrides = [f"{name}={value}" for name, value in WANTED.items()]

    [command] = list_make_commands(
        folder, "--template-file", template, "--parameter-overrides", *overrides
    )

    output = folder / ".aws-sam" / "build" / "StacheFunction"
    script = repository / "examples" / "lambda" / "build.py"
    assert command[1:] == [str(script), *BUILT, "--output", str(output.resolve())]


def test_with_snap_start_the_same_is_built(repository):
    """Once, for the function that is deployed then."""
    overrides = [f"{name}={value}" for name, value in {**WANTED, "SnapStart": "true"}.items()]

    [command] = list_make_commands(repository / "sam", "--parameter-overrides", *overrides)

    output = repository / "sam" / ".aws-sam" / "build" / "SnapStartFunction"
    script = repository / "examples" / "lambda" / "build.py"
    assert command[1:] == [str(script), *BUILT, "--output", str(output.resolve())]


def test_it_is_built_in_a_template_that_nests_it(repository):
    """Which says where the repository is."""
    folder = write_parent_app(repository, Repository=f"../{repository.name}", **WANTED)

    [command] = list_make_commands(folder)

    output = folder / ".aws-sam" / "build" / "Store" / "StacheFunction"
    script = repository / "examples" / "lambda" / "build.py"
    assert command[1:] == [str(script), *BUILT, "--output", str(output)]


def test_a_template_that_nests_it_and_does_not_say_where_it_is_fails(repository):
    """As the README says: the SAM CLI looks for the folder beside the parent's."""
    folder = write_parent_app(repository, **WANTED)

    result = sam.run("sam", "build", folder=folder, more={"MAKEFLAGS": "n"})

    assert result.returncode == 1
    assert "[Errno 2] No such file or directory" in result.stderr


def test_the_store_alone_is_built_without_building_a_function(repository):
    """Nested, or for itself: it needs neither make nor the wheel."""
    folder = write_parent_app(repository, DeployFunction="false")

    assert list_make_commands(folder) == []
    assert (
        list_make_commands(repository / "sam", "--parameter-overrides", "DeployFunction=false")
        == []
    )
    assert (folder / ".aws-sam" / "build" / "Store" / "template.yaml").exists()
