"""The real `sam build`, with the real function."""

from __future__ import annotations

import shlex
import shutil

import pytest

from support.deployment import deployables, sam

PARAMETERS = {"Runtime": "python3.12", "Architecture": "x86_64"}
BUILD_ARGUMENTS = ["--runtime", "python3.12", "--architecture", "x86_64"]


@pytest.fixture
def repository(tmp_path):
    """Copy what `sam build` needs of this repository to a path with spaces."""
    copy = tmp_path / "my  projects" / "stache"
    shutil.copytree(sam.FOLDER, copy / "sam", ignore=shutil.ignore_patterns(".aws-sam"))
    shutil.copytree(sam.FUNCTION, copy / "examples" / "lambda")
    return copy


def list_make_commands(folder, *arguments):
    """List the commands that make would run for `sam build`, without running them."""
    result = sam.run("sam", "build", *arguments, folder=folder, variables={"MAKEFLAGS": "n"})
    assert result.returncode == 0, result.stderr
    lines = result.stderr.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if "build_package.py" in line]


def write_parent_app(repository, **parameters):
    """Write an app that nests the template, in a folder next to the repository."""
    folder = repository.parent / "app"
    folder.mkdir()
    sam.write_nesting_template(folder, f"../{repository.name}/sam/template.yaml", **parameters)
    return folder


def test_sam_build_uses_the_parameters_runtime_and_architecture(tmp_path):
    """The wheels fit the template's parameters, not the Python that runs the build."""
    package = sam.build_function(tmp_path, **PARAMETERS)

    deployables.check_package(package)
    native = [path.name for path in package.rglob("*.cpython-*.so")]
    assert native
    assert all(".cpython-312-x86_64-linux-gnu" in name for name in native)


@pytest.mark.parametrize("where", [".", "sam", "sam/elsewhere", ".."])
def test_sam_build_works_in_any_folder(repository, where):
    """The path may have spaces."""
    folder = repository / where
    folder.mkdir(exist_ok=True)
    template = repository / "sam" / "template.yaml"
    overrides = [f"{name}={value}" for name, value in PARAMETERS.items()]

    [command] = list_make_commands(
        folder, "--template-file", template, "--parameter-overrides", *overrides
    )

    output = folder / ".aws-sam" / "build" / "StacheFunction"
    script = repository / "examples" / "lambda" / "build_package.py"
    assert command[1:] == [str(script), *BUILD_ARGUMENTS, "--output", str(output.resolve())]


def test_sam_build_builds_one_function_with_snap_start(repository):
    """Only the function that will be deployed is built."""
    overrides = [f"{name}={value}" for name, value in {**PARAMETERS, "SnapStart": "true"}.items()]

    [command] = list_make_commands(repository / "sam", "--parameter-overrides", *overrides)

    output = repository / "sam" / ".aws-sam" / "build" / "SnapStartFunction"
    script = repository / "examples" / "lambda" / "build_package.py"
    assert command[1:] == [str(script), *BUILD_ARGUMENTS, "--output", str(output.resolve())]


def test_a_parent_template_with_the_repository_s_path_is_built(repository):
    """The parent template sets the path of the repository."""
    folder = write_parent_app(repository, Repository=f"../{repository.name}", **PARAMETERS)

    [command] = list_make_commands(folder)

    output = folder / ".aws-sam" / "build" / "Store" / "StacheFunction"
    script = repository / "examples" / "lambda" / "build_package.py"
    assert command[1:] == [str(script), *BUILD_ARGUMENTS, "--output", str(output)]


def test_a_parent_template_without_the_repository_s_path_fails(repository):
    """As the README says, the SAM CLI then looks for the folder next to the parent's."""
    folder = write_parent_app(repository, **PARAMETERS)

    result = sam.run("sam", "build", folder=folder, variables={"MAKEFLAGS": "n"})

    assert result.returncode == 1
    assert "[Errno 2] No such file or directory" in result.stderr


def test_the_store_alone_needs_no_function_build(repository):
    """Neither make nor the wheel is needed, whether the template is nested or not."""
    folder = write_parent_app(repository, DeployFunction="false")

    assert list_make_commands(folder) == []
    assert (
        list_make_commands(repository / "sam", "--parameter-overrides", "DeployFunction=false")
        == []
    )
    assert (folder / ".aws-sam" / "build" / "Store" / "template.yaml").exists()
