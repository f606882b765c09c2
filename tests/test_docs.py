"""The pages are true: their commands run, and their tables match the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from botocore import session
from click.testing import CliRunner

from s3vectors_local import pytest_plugin
from s3vectors_local.__main__ import main as s3vectors_local
from s3vectors_local.engine import OPERATIONS
from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.settings import StacheSettings, resolve_settings
from stache_ai_s3vectors.tool.main import main as stache_s3vectors
from support import ROOT, tool
from support.endpoints import serve
from support.processes import terminal

README = (ROOT / "README.md").read_text()
LOCAL_README = (ROOT / "local" / "README.md").read_text()
DOCS = {page.stem: page.read_text() for page in (ROOT / "docs").glob("*.md")}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
BIN = Path(sys.executable).parent
SERVICE = session.get_session().get_service_model("s3vectors")


def read_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


EXPORTS = [
    line
    for block in read_blocks(LOCAL_README, "bash")
    for line in block.splitlines()
    if line.startswith("export ")
]
"""The commands that point a program at the server; another test runs them."""


def read_commands():
    others = {"deploy", "laptop", "migrate", "move"}  # other tests run their commands
    rest = [page for name, page in DOCS.items() if name not in others]
    # Its commands create the bucket and the index that other commands use
    text = README + DOCS["deploy"] + LOCAL_README + "".join(rest) + CONTRIBUTING
    lines = [
        line.partition(" #")[0]
        for block in read_blocks(text, "bash")
        for line in block.replace("\\\n", "").splitlines()
    ]
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


@pytest.mark.parametrize(
    "text, printed",
    [
        (README, "Vectors without a database.\n"),
        (LOCAL_README, "[{'distance': 0.0049"),
    ],
    ids=["README.md", "local/README.md"],
)
def test_the_opening_example_works(tmp_path, text, printed):
    """Its code prints what it should."""
    example = read_blocks(text, "python")[0]

    result = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert result.stderr == ""
    assert result.stdout.startswith(printed)


def test_the_example_of_a_time_limit_works():
    """The handler runs as Lambda calls it."""
    [example] = read_blocks(DOCS["behavior"], "python")
    names = {}
    exec(example, names)  # noqa: S102 - the code is from the page

    assert names["handler"]({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 3000)) is None


@pytest.fixture(scope="module")
def aws_environment():
    """Return an environment that points the AWS CLI and our tool at a server instead of AWS."""
    with serve() as url:
        yield (
            url,
            {
                **os.environ,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_S3VECTORS": url,
            },
        )


def test_every_command_works(aws_environment, tmp_path, monkeypatch):
    """Commands run in the order of the documents, each in the way that tests it best."""
    monkeypatch.chdir(tmp_path)
    for command in read_commands():
        word, *arguments = shlex.split(command)
        if word == "make":
            targets = [argument for argument in arguments if "=" not in argument]
            assert subprocess.run(["make", "-n", *targets], cwd=ROOT, check=False).returncode == 0
        elif word == "pytest":
            assert all((ROOT / path).exists() for path in arguments if not path.startswith("-"))
        elif word == "pip":
            for path in arguments[1:]:
                folder = ROOT / path.partition("[")[0]  # an extra may follow
                assert path == "--prefer-binary" or (folder / "pyproject.toml").is_file(), command
        elif word == "s3vectors-local":
            (tmp_path / "role.json").touch()
            tool.parse_arguments(s3vectors_local, arguments)  # it would serve until stopped
        elif "_STACHE_S3VECTORS_COMPLETE=" in command:
            pass  # tests/provider/tool/test_main.py runs them
        elif word == "docker":
            pass  # another test reads it: the tests have no Docker
        elif word == "export":
            assert command in EXPORTS
        else:
            run_against_a_server(word, arguments, aws_environment, tmp_path)


def run_against_a_server(word, arguments, aws_environment, directory):
    url, environment = aws_environment
    assert word in ("aws", "stache-s3vectors")
    arguments = [argument.replace("http://127.0.0.1:9100", url) for argument in arguments]
    result = subprocess.run(
        [BIN / word, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=directory,
        check=False,
    )
    taken = "already exists" in result.stderr  # two examples create the same bucket
    assert result.returncode == 0 or taken, result.stderr


def test_every_make_target_is_in_the_help():
    """Every target in the help exists as well."""
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert set(re.findall(r"^make ([\w-]+)", result.stdout, re.MULTILINE)) == set(
        phony[1].split()
    ) - {"help"}


def test_the_settings_table_matches_the_code():
    """It has the names, defaults and meanings of all our settings, in order."""
    rows = re.findall(r"^\| `(S3VECTORS_\w+)` \| (.*?) \| (.*) \|$", DOCS["settings"], re.MULTILINE)
    ours = [name for name in Settings.model_fields if name not in StacheSettings.model_fields]

    assert rows == [
        (
            name.upper(),
            "–"
            if Settings.model_fields[name].default is None
            else str(Settings.model_fields[name].default),
            Settings.model_fields[name].description,
        )
        for name in ours
    ]


def test_the_readme_s_settings_exist():
    """Its table has those that most people need."""
    _, _, table = README.partition("| setting | meaning |\n")
    cells = re.findall(r"^\| (.*?) \|", table.partition("\n\n")[0], re.MULTILINE)
    names = re.findall(r"`([A-Z0-9_]+)`", "".join(cells))

    assert len(names) > 5
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


def test_stache_s_settings_on_the_page_exist():
    """The paragraph below the table names them."""
    _, _, paragraph = DOCS["settings"].partition("The provider also reads")
    names = re.findall(r"`([A-Z0-9_]+)`", paragraph.partition(". If")[0])

    assert len(names) == 7
    assert {name.lower() for name in names} <= StacheSettings.model_fields.keys()


def test_the_dot_env_example_works(tmp_path):
    """Each line is a setting, and together they are valid."""
    example = read_blocks(DOCS["laptop"], "dotenv")[0]
    (tmp_path / ".env").write_text(example)
    lines = [line for line in example.splitlines() if not line.startswith("#")]

    settings = StacheSettings()

    assert {line.partition("=")[0].lower() for line in lines} <= Settings.model_fields.keys()
    assert resolve_settings(settings).bucket_name == "my-bucket"
    assert resolve_settings(settings).endpoint == f"local:{tmp_path}/data"
    assert resolve_settings(settings).dimension == 1024
    assert settings.vectordb_provider == "s3vectors"


def test_the_policy_is_what_the_command_prints():
    """The page shows it below the command, word for word."""
    [command] = [line for line in read_commands() if line.startswith("stache-s3vectors policy")]

    printed = CliRunner().invoke(stache_s3vectors, shlex.split(command)[1:]).output

    assert read_blocks(DOCS["permissions"], "json") == [printed]


def test_the_table_of_levels_matches_the_code():
    """Each level adds its actions to those of the one before it."""
    _, _, table = DOCS["permissions"].partition("| level |")
    rows = [line.split(" | ") for line in table.partition("\n\n")[0].splitlines()[2:]]
    page_levels = {level.strip("| `"): actions for level, _, *actions in rows}
    allowed = {"index": [], "bucket": [], "key": []}

    assert [*page_levels] == [*LEVELS]
    for level, cells in page_levels.items():
        for kind, cell in zip(allowed, cells, strict=True):
            allowed[kind] += re.findall(r"`(\w+)`", cell)
        assert {k: sorted(v) for k, v in allowed.items()} == {
            kind: sorted(getattr(LEVELS[level], kind)) for kind in allowed
        }


def test_the_table_of_limits_matches_the_code():
    """The order is the same."""
    _, _, table = DOCS["behavior"].partition("| limit | value |\n")
    values = re.findall(r"\| ([\d,]+) \|$", table.partition("\n\n")[0], re.MULTILINE)

    assert [int(value.replace(",", "")) for value in values] == [
        limits.VECTORS,
        limits.DIMENSIONS,
        limits.KEY_LENGTH,
        limits.METADATA_BYTES,
        limits.FILTERABLE_METADATA_BYTES,
        limits.TOP_K,
        limits.QUERY_TEXT_LENGTH,
        limits.WRITTEN_VECTORS_PER_SECOND,
        limits.WRITE_REQUESTS_PER_SECOND,
    ]


def test_the_engine_s_readme_names_its_operations():
    """It names all of them, and no other."""
    paragraph = LOCAL_README.partition("Operations: ")[2].partition(".")[0]

    assert set(re.findall(r"\w+", paragraph)) == set(OPERATIONS)


def test_the_engine_s_pytest_example_works(tmp_path):
    """Pytest runs it from a file."""
    (tmp_path / "test_example.py").write_text(read_blocks(LOCAL_README, "python")[1])

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert "1 passed" in result.stdout, result.stdout


APPLICATION = """
import boto3

def search(question):
    buckets = boto3.client("s3vectors").list_vector_buckets()["vectorBuckets"]
    print("found", len(buckets))
"""


def test_the_engine_s_examples_of_a_whole_application_work(tmp_path):
    """Both examples run with an application that creates its own client."""
    (tmp_path / "my_application.py").write_text(APPLICATION)
    for_pytest, plain = [
        block for block in read_blocks(LOCAL_README, "python") if "my_application" in block
    ]
    (tmp_path / "test_example.py").write_text(f"import my_application\n{for_pytest}")
    (tmp_path / "example.py").write_text(f"import my_application\n{plain}")
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-s", "test_example.py"]

    for command in (pytest_command, [sys.executable, "example.py"]):
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=make_environment_without_aws(),
            check=False,
        )
        assert "found 0" in result.stdout, result.stdout + result.stderr


def test_the_engine_s_variables_point_a_program_at_the_server(tmp_path):
    """Only the port is changed."""
    [block] = [block for block in read_blocks(LOCAL_README, "bash") if block.startswith("export")]
    with serve() as url:
        variables = dict(
            word.split("=", 1)
            for word in shlex.split(block.replace("http://127.0.0.1:9100", url))
            if word != "export"
        )
        result = subprocess.run(
            [sys.executable, "-c", f"{APPLICATION}\nsearch('x')"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=make_environment_without_aws() | variables,
            check=False,
        )

    assert result.stdout == "found 0\n", result.stderr


def make_environment_without_aws():
    """Return an environment without settings for AWS."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_engine_s_readme_names_its_fixtures():
    """Its table has the fixtures of the plugin."""
    names = re.findall(r"^\| `(s3vectors_\w+)` \|", LOCAL_README, re.MULTILINE)
    fixtures = [name for name in vars(pytest_plugin) if name.startswith("s3vectors_")]

    assert sorted(names) == sorted(fixtures)


def test_the_engine_s_readme_names_every_option_of_its_command():
    """No option is only in --help."""
    options = {option for o in s3vectors_local.commands["serve"].params for option in o.opts}

    assert options <= set(re.findall(r"--[a-z-]+", LOCAL_README))


def test_the_changelog_s_commands_exist():
    """They are those of the operator's tool."""
    changelog = (ROOT / "CHANGELOG.md").read_text()

    [sentence] = re.findall(r"^- `stache-s3vectors`: (.*?)\.$", changelog, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([\w-]+)`", sentence)) == set(stache_s3vectors.commands)


PAGES = sorted(
    {
        page.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/*.md", "bench/*.md", "[a-z]*/README.md", "bench/*/README.md")
        for page in ROOT.glob(pattern)
    }
)


@pytest.mark.parametrize("path", PAGES)
def test_relative_links_lead_to_files(path):
    """`make docs` also checks the headings that they name."""
    document = ROOT / path
    for target in re.findall(r"\]\((?!http)([^)]+)\)", document.read_text()):
        assert (document.parent / target.partition("#")[0]).exists(), target


def test_every_page_is_on_the_website():
    """The navigation is the list of its pages."""
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text())

    assert sorted(flatten(configuration["nav"])) == PAGES


def flatten(nav):
    for entry in nav:
        [value] = entry.values()
        if isinstance(value, list):
            yield from flatten(value)
        else:
            yield value


def test_every_test_that_a_page_names_exists():
    """The pages about behavior and migration name one for each fault."""
    named = set(re.findall(r"`(test_\w+)`", DOCS["behavior"] + DOCS["migrate"]))
    files = (ROOT / "tests").rglob("test_*.py")
    names = {
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert len(named) > 40
    assert named <= names


def test_the_folders_on_the_map_exist():
    """The map is in CONTRIBUTING.md."""
    block = re.search(r"## Map\n\n```\n(.*?)```", CONTRIBUTING, re.DOTALL)

    for line in block[1].splitlines():
        assert (ROOT / line.split()[0]).is_dir()


@pytest.mark.long
def test_the_tool_s_page_shows_what_its_commands_print(tmp_path):
    """Each runs in a real terminal; `support.processes.terminal` updates the page."""
    page = DOCS["operate"]

    assert terminal.renew_outputs(page, tmp_path) == page


def test_the_table_of_the_tool_has_every_command():
    """It has no other."""
    _, _, table = DOCS["operate"].partition("| `stache-s3vectors …` |")
    cells = re.findall(r"^\| (.*?) \|", table.partition("\n\n")[0], re.MULTILINE)

    assert {word for cell in cells for word in re.findall(r"`([\w-]+)`", cell)} == set(
        stache_s3vectors.commands
    )


def test_the_tool_s_page_shows_every_command():
    """Each is in an example."""
    page = DOCS["operate"]

    for words, _ in tool.list_commands():
        assert f" stache-s3vectors {words}" in page, words
