"""The files of the Terraform module, as users receive them."""

from __future__ import annotations

import json
import re

import pytest

from support.deployment import terraform

PARTS = (".", "examples/basic", "examples/complete")
CORES = (terraform.NEWEST, terraform.OLDEST)
CODE = sorted(terraform.MODULE.rglob("*.tf"))
README = (terraform.MODULE / "README.md").read_text()


@pytest.mark.parametrize("core", CORES)
def test_the_files_are_formatted(core, tmp_path):
    """`terraform fmt` changes nothing."""
    folder = terraform.make_workspace(tmp_path, core=core, attached=False)

    assert folder.check_output("fmt", "-check", "-recursive") == ""


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("part", PARTS)
def test_the_module_and_its_examples_are_valid(part, core, tmp_path):
    """They cause no warning."""
    folder = terraform.make_workspace(tmp_path, part, core=core, attached=False)

    report = json.loads(folder.check_output("validate", "-json"))

    assert report["diagnostics"] == []


INSIDE = re.compile(r'\\.|\$\$\{|\$\{|"')
OUTSIDE = re.compile(r'#.*|["{}]')
NESTED = 2


def measure_nesting(code):
    """Return the maximum depth of nested templates."""
    opened, deepest, position = [], 0, 0
    while token := (INSIDE if opened[-1:] == ['"'] else OUTSIDE).search(code, position):
        position = token.end()
        if token[0] == "}" or (token[0] == '"' and opened[-1:] == ['"']):
            opened.pop()
        elif token[0] in {'"', "{", "${"}:
            opened.append(token[0])
        deepest = max(deepest, opened.count("${"))
    assert not opened
    return deepest


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(terraform.MODULE)))
def test_the_code_is_simple_enough_for_other_parsers_of_hcl(file):
    """python-hcl2 and checkov's copy of it do not parse three nested templates."""
    assert measure_nesting(file.read_text()) <= NESTED


def test_a_third_nested_template_is_detected():
    """Braces, comments and escapes do not count."""
    third = 'a = "${b("${c("${d}")}")}"'

    assert measure_nesting(third) == NESTED + 1
    assert measure_nesting('a = { b = "\\"$${c}\\" ${d} # {" } # "${') == 1


@pytest.mark.parametrize("core", CORES)
def test_the_module_s_own_tests_pass(core, tmp_path):
    printed = terraform.make_workspace(tmp_path, core=core, attached=False).check_output("test")

    assert "14 passed, 0 failed" in printed


def test_the_required_version_is_the_oldest_tested_one(tmp_path):
    printed = terraform.make_workspace(tmp_path, core=terraform.OLDEST).check_output(
        "version", "-json"
    )

    assert json.loads(printed)["terraform_version"].startswith("1.10.")
    assert 'required_version = ">= 1.10"' in (terraform.MODULE / "versions.tf").read_text()


def test_the_readme_lists_every_input():
    """Each has its default and its description."""
    variables = terraform.plan()["configuration"]["root_module"]["variables"]
    defaults = {name: variable["default"] for name, variable in variables.items()}
    # The README leaves out the defaults of an entry
    defaults["indexes"] = {kind: {} for kind in defaults["indexes"]}

    assert read_rows("Inputs") == {
        (f"`{name}`", f"`{json.dumps(defaults[name])}`", variable["description"])
        for name, variable in variables.items()
    }


def test_the_readme_lists_every_output():
    """Each has its description."""
    outputs = terraform.plan()["configuration"]["root_module"]["outputs"]

    assert read_rows("Outputs") == {
        (f"`{name}`", output["description"]) for name, output in outputs.items()
    }


def read_rows(title):
    table = README.partition(f"## {title}\n")[2].strip().split("\n\n")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    return {tuple(cell.strip() for cell in line) for line in lines}


def test_the_readme_s_blocks_are_formatted(tmp_path):
    """`terraform fmt` changes nothing."""
    folder = terraform.make_workspace(tmp_path, attached=False)
    for number, block in enumerate(
        re.findall(r"```hcl\n((?:import|module|resource) .*?)```", README, re.DOTALL)
    ):
        (folder.folder / f"readme{number}.tf").write_text(block)

    assert folder.check_output("fmt", "-check") == ""
