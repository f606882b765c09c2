"""The two wheels have the right content and work without the source tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from uv import find_uv_bin

import hatch_build
from support import ROOT


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Build both wheels as `make wheel` does."""
    out = tmp_path_factory.mktemp("dist")
    environment = {k: v for k, v in os.environ.items() if k != hatch_build.VARIABLE}
    for project in (ROOT, ROOT / "local"):
        command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out]
        subprocess.run([*command, project], check=True, capture_output=True, env=environment)
    return sorted(out.iterdir())


@pytest.fixture(scope="module")
def python(wheels, tmp_path_factory):
    """Return a Python with the wheels and this one's libraries, but not its editable installs."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet"]
    subprocess.run([*command, *wheels], check=True)
    [packages] = home.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but the .pth files in it are not read
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


def run(python, code, directory):
    result = subprocess.run(
        [python, "-P", "-c", code], capture_output=True, text=True, cwd=directory, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_wheels_contain_the_packages_and_nothing_else(wheels):
    """They have types and the license, but no tests and no examples."""
    contents = {wheel.name.partition("-")[0]: zipfile.ZipFile(wheel).namelist() for wheel in wheels}
    tops = {
        name: {file.partition("/")[0] for file in files if "dist-info" not in file}
        for name, files in contents.items()
    }

    assert tops == {
        "s3vectors_local": {"s3vectors_local"},
        "stache_ai_s3vectors": {"stache_ai_s3vectors", "stache_ai_s3vectors_cdk"},
    }
    for name, files in contents.items():
        assert f"{name}/py.typed" in files
        assert any(file.endswith("licenses/LICENSE") for file in files)


def test_the_engine_s_wheel_contains_the_console_s_page(wheels):
    """It has every file of it."""
    [engine] = [wheel for wheel in wheels if wheel.name.startswith("s3vectors_local")]
    static = ROOT / "local/s3vectors_local/console/static"

    packed = {
        name.rpartition("/")[2]
        for name in zipfile.ZipFile(engine).namelist()
        if name.startswith("s3vectors_local/console/static/")
    }

    assert packed == {file.name for file in static.iterdir()}
    assert "index.html" in packed


def test_both_wheels_have_one_version(wheels):
    """The extra requires this version."""
    versions = {wheel.name.split("-")[1] for wheel in wheels}
    [ours] = [w for w in wheels if w.name.startswith("stache")]
    metadata = next(n for n in zipfile.ZipFile(ours).namelist() if n.endswith("METADATA"))

    [version] = versions
    assert f"s3vectors-local=={version}" in zipfile.ZipFile(ours).read(metadata).decode()


@pytest.mark.parametrize("name", ["stache_ai_s3vectors", "s3vectors_local"])
def test_the_description_has_no_link_that_a_package_index_cannot_follow(wheels, name):
    """It is the README without its relative links and pictures."""
    [wheel] = [zipfile.ZipFile(w) for w in wheels if w.name.startswith(name)]
    metadata = next(name for name in wheel.namelist() if name.endswith("METADATA"))

    headers, _, description = wheel.read(metadata).decode().partition("\n\n")

    assert "Project-URL" not in headers
    assert description.startswith(f"# {name.replace('_', '-')}")
    assert re.findall(r"\]\((?!https://)[^)]*\)|<!--", description) == []


def read_metadata(project, monkeypatch, repository):
    """Return what a wheel that the release workflow builds has as metadata."""
    monkeypatch.setenv(hatch_build.VARIABLE, repository)
    return ProjectMetadata(str(project), PluginManager()).core


@pytest.mark.parametrize(
    "folder, page", [("", "docs/install.md"), ("local/", "docs/console.md")], ids=["ours", "engine"]
)
def test_a_released_wheel_links_to_the_repository(folder, page, monkeypatch):
    """GitHub says which one that is; every linked file exists in it."""
    metadata = read_metadata(ROOT / folder, monkeypatch, "https://example.com/ours/")

    main = "https://example.com/ours/blob/main/"
    assert metadata.urls == {
        "Documentation": f"{main}{folder}README.md",
        "Source": "https://example.com/ours",
        "Issues": "https://example.com/ours/issues",
        "Changelog": f"{main}CHANGELOG.md",
    }
    links = re.findall(r"\]\((https://example.com/[^)]*)\)", metadata.readme)
    assert f"{main}{page}" in links
    files = {re.sub("^.*?/(blob|raw)/main/|#.*", "", link) for link in links}
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_a_repository_s_address_begins_with_https(monkeypatch):
    """A package index shows the address as it is."""
    with pytest.raises(ValueError, match="REPOSITORY_URL is 'example.com'; it must begin with"):
        read_metadata(ROOT, monkeypatch, "example.com")


def test_relative_links_and_pictures_are_replaced():
    """So are those to a heading of the page, which has no anchor on a package index."""
    text = "See [Install](../install.md), [Use](#use) and ![a plot](a.svg), [AWS](https://aws.com)."

    assert hatch_build.resolve_links(text, "") == "See Install, Use and , [AWS](https://aws.com)."
    assert hatch_build.resolve_links(text, "https://a.com/b", "c/") == (
        "See [Install](https://a.com/b/blob/main/install.md), "
        "[Use](https://a.com/b/blob/main/c/README.md#use) and "
        "![a plot](https://a.com/b/raw/main/c/a.svg), [AWS](https://aws.com)."
    )


def test_both_packages_build_their_metadata_alike():
    """Each can be built alone, so each has the file."""
    ours, engine = (ROOT / folder / "hatch_build.py" for folder in ("", "local"))

    assert ours.read_text() == engine.read_text()


def test_the_installed_wheels_store_and_search(python, tmp_path):
    """Stache finds the provider in site-packages."""
    code = (
        "import s3vectors_local, stache_ai_s3vectors\n"
        "from stache_ai_s3vectors import Settings\n"
        "from stache_ai.providers import VectorDBProviderFactory\n"
        "settings = Settings(vectordb_provider='s3vectors', s3vectors_bucket_name='my-bucket',\n"
        "    s3vectors_endpoint_url='local:data', embedding_dimension=2)\n"
        "provider = VectorDBProviderFactory.create(settings)\n"
        "provider.insert([[1, 0]], ['found'])\n"
        "print(provider.search([1, 0])[0]['text'])\n"
        "print(stache_ai_s3vectors.__file__, s3vectors_local.__file__, sep='\\n')\n"
    )

    text, *files = run(python, code, tmp_path).splitlines()

    assert text == "found"
    assert all(Path(file).is_relative_to(python.parents[1]) for file in files)


@pytest.mark.parametrize(
    "script, name", [("stache-s3vectors", "stache-ai-s3vectors"), ("s3vectors-local",) * 2]
)
def test_the_installed_commands_run(python, script, name, tmp_path):
    """They print the version of the wheel."""
    result = subprocess.run(
        [python.with_name(script), "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )

    assert result.stdout == f"{script}, version 1.0.0.dev0\n"


ADVICE = {
    "./local[fast]": "s3vectors-local",
    "boto3>=1.44.4": "boto3",
    "pyyaml": "PyYAML",
}
"""Advice by the tool and the provider → the package that it installs."""


def test_every_install_command_that_we_advise_is_tested():
    """Advice is in quotes where the shell needs them."""
    advised = set()
    for path in (ROOT / "provider").rglob("*.py"):
        for text in re.findall(r"pip install ([^\n`\"]+)", path.read_text()):
            advised.add(text.strip("'").replace("{needed}", "1.44.4"))

    assert advised == set(ADVICE)


@pytest.mark.parametrize("advice", ADVICE)
def test_an_advised_install_command_works_in_a_clean_environment(advice, tmp_path):
    """It runs in a clone; none of our packages comes from the package index.

    uv resolves as pip does, in a tenth of the time.
    """
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    command = [find_uv_bin(), "pip", "install", "--quiet", "--python", home, advice]
    subprocess.run(command, cwd=ROOT, check=True)

    [packages] = home.glob("lib/python*/site-packages")
    versions = {each.name: each.version for each in distributions(path=[str(packages)])}
    assert ADVICE[advice] in versions
    assert versions.get("s3vectors-local", "1.0.0.dev0") == "1.0.0.dev0"
    assert "stache-ai-s3vectors" not in versions


def test_no_advice_installs_our_packages_by_name():
    """The index has another package of one name, and the other name is not ours yet."""
    named = re.compile(r"pip install [^\n]*(?:stache-ai-s3vectors|s3vectors-local)")
    sources = [
        path
        for folder in ("provider", "local", "cdk", "sam", "terraform", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".yaml", ".tf"}
    ]

    assert len(sources) > 100
    assert [path for path in sources if named.search(path.read_text())] == []
