"""The command `s3vectors-local`."""

from __future__ import annotations

import errno
import ipaddress
import platform
import re
import signal
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from .arns import Caller
from .choices import Choices
from .console.options import ConsoleOptions, make_token
from .engine import Engine
from .errors import DataDirectoryError, PolicyError
from .faults import KINDS, Faults
from .iam import Policies
from .matrix import HAS_NUMKONG
from .origins import Origins
from .parsing import HAS_SIMDJSON
from .rates import RateLimits
from .request_log import RequestLog
from .server import DEFAULT_HOST, DEFAULT_PORT, listen, serve
from .signatures import Verifier
from .snapshot_commands import export_command, import_command, reset_command
from .storage import compact

_KEY_ID: Final = re.compile(r"([^/,:\s]+):(\S+)")
_CALLER: Final = re.compile(r"([^/,=\s]+)=(\S+)")
_NUMBER: Final = re.compile(r"(\w+):([0-9]*\.?[0-9]+(?:e-?[0-9]+)?)")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="s3vectors-local", prog_name="s3vectors-local")
def main() -> None:
    """A local engine for the Amazon S3 Vectors API.

    Point any AWS SDK or the AWS CLI at it with --endpoint-url or
    AWS_ENDPOINT_URL_S3VECTORS. Any credentials are accepted.
    """


@main.command("serve")
@click.option(
    "--host",
    default=DEFAULT_HOST,
    show_default=True,
    help="Address to listen on. Anyone who can reach it can read and change the data, unless you "
    "set --access-key.",
)
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Another host name or address of this server, for example in a network of containers. "
    "Repeatable. Requests for other hosts and from web pages are refused.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Data directory; created if missing. Without it, data is in memory only.",
)
@click.option(
    "--access-key",
    "access_keys",
    multiple=True,
    metavar="ID:SECRET",
    envvar="S3VECTORS_LOCAL_ACCESS_KEY",
    help="Verify signatures, and accept this access key. Repeatable. Other users of the machine "
    "see it in the list of processes. To avoid this, set the environment variable "
    "S3VECTORS_LOCAL_ACCESS_KEY (space-separated), or use --access-key-file.",
)
@click.option(
    "--access-key-file",
    "key_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Like --access-key, for the keys in a file: one ID:SECRET per line, # starts a comment. "
    "Repeatable.",
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="[PRINCIPAL=]FILE",
    help="Enforce permissions, bucket policies included. FILE is the identity policy (JSON) of "
    "every caller, or of one PRINCIPAL: the ARN of a user or role, or an account id. "
    "Repeatable. Requests that are not allowed get a 403.",
)
@click.option(
    "--principal",
    "principals",
    multiple=True,
    metavar="KEY_ID=PRINCIPAL",
    help="The principal that uses an access key: the ARN of a user or role, an account id, or a "
    "service like lambda.amazonaws.com. Repeatable.",
)
@click.option(
    "--unused",
    is_flag=True,
    help="On exit, print the permissions that the policies grant and no request used.",
)
@click.option(
    "--log",
    is_flag=True,
    help="Print a line for each request: operation, bucket and index, HTTP status, time, and for "
    "an error its code and the policy statement that denied it. Data and keys are not logged.",
)
@click.option(
    "--console",
    type=click.Choice(["read", "write", "off"]),
    default="read",
    show_default=True,
    help="Serve the console, web pages that show what is stored, at the same address. With "
    "`write`, it can delete and import. With --access-key or --policy, it needs the token that is "
    "printed.",
)
@click.option("--no-console", "console", flag_value="off", help="The same as --console off.")
@click.option(
    "--bucket-mode",
    type=click.Choice(["enhanced", "classic"]),
    default="enhanced",
    show_default=True,
    help="Create vector buckets as AWS does today, or as it did before 2026-09-30.",
)
@click.option(
    "--limits",
    type=click.Choice(["none", "aws"]),
    default="none",
    show_default=True,
    help="Apply the documented write limits of an index: 1,000 requests and 2,500 vectors per "
    "second. Requests beyond them get a 429.",
)
@click.option(
    "--latency",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Delay every response.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:RATE",
    help=f"Make a share of requests fail: {', '.join(KINDS)}; for example 503:0.01. With "
    "timeout and dropped there is no response, and half of the requests are executed. Repeatable.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Seed for --fault; the same seed gives the same faults.",
)
@click.option(
    "--missing-key",
    type=click.Choice(["match", "no-match"]),
    default="match",
    show_default=True,
    help="Whether a vector without the key matches $ne and $nin. AWS does not document it.",
)
@click.option(
    "--array-negation",
    type=click.Choice(["no-element", "any-element"]),
    default="no-element",
    show_default=True,
    help="Whether $ne and $nin match an array if no element is equal, or if any element differs. "
    "AWS does not document it.",
)
@click.option(
    "--euclidean",
    type=click.Choice(["plain", "squared"]),
    default="plain",
    show_default=True,
    help="Return the euclidean distance or its square. AWS does not document which it returns.",
)
@click.option(
    "--numbers",
    type=click.Choice(["double", "single"]),
    default="double",
    show_default=True,
    help="How numbers in metadata are stored: integers exactly and others in double precision, or "
    "all in single precision. AWS does not document it.",
)
@click.option(
    "--repeated-keys",
    type=click.Choice(["last", "refused"]),
    default="last",
    show_default=True,
    help="Whether a PutVectors request with a repeated key stores the last vector, or is refused. "
    "AWS does not document it.",
)
@click.option(
    "--analyzer",
    type=click.Choice(["uax29", "words"]),
    default="uax29",
    show_default=True,
    help="How text is split into words: like Lucene's standard tokenizer (Unicode's UAX #29), or "
    "at every character that is not a letter or digit. AWS does not document it. A data "
    "directory that was written with the other one is re-indexed.",
)
def serve_command(host: str, port: int, **options: Any) -> None:
    """Serve the S3 Vectors API over HTTP until stopped.

    \b
    Examples:
      s3vectors-local serve --port 9100 --data ./data
      aws s3vectors list-vector-buckets --endpoint-url http://127.0.0.1:9100
      s3vectors-local serve --policy role.json --unused
      s3vectors-local serve --limits aws --latency 0.02 --fault 503:0.01
    """  # noqa: D301 - \b keeps click from wrapping the examples
    try:
        policies = _read_policies(options["policies"], unused=options["unused"])
        faults = _parse_faults(options)
        keys = _read_access_keys(options)
        principals = _parse_pairs(options["principals"], "--principal KEY_ID=PRINCIPAL", _CALLER)
        for name in (*principals.values(), *(policies if isinstance(policies, dict) else ())):
            Caller.from_principal(name)
        _check_not_empty(host=host, data=options["data"])
        hosts = [*options["hosts"], *([] if _is_wildcard(host) else [host])]
        Origins(hosts)
    except (PolicyError, ValueError) as error:
        _stop(str(error))
    try:
        bound = listen(host, port)
    except OSError as error:
        advice = "choose another --port" if error.errno == errno.EADDRINUSE else "check --host"
        _stop(f"cannot listen on {host}:{port}: {error.strerror}; {advice}")
    engine = _open_engine(options, policies, principals)
    console = _choose_console(options, private=bool(keys) or policies is not None)
    port = bound.getsockname()[1]
    _print_start(host, port, options["data"], verified=bool(keys), console=console)
    _print_missing_packages()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn re-raises it when it ends
    try:
        verifier = Verifier(keys) if keys else None
        log = RequestLog() if options["log"] else None
        serve(
            engine, bound, faults=faults, verifier=verifier, hosts=hosts, log=log, console=console
        )
    except KeyboardInterrupt:
        pass  # uvicorn has finished the running requests and re-raises Ctrl-C
    finally:
        engine.close()
        if options["unused"]:
            _print_unused(engine.list_unused() or [])


@main.command("compact")
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory. No running engine may use it.",
)
def compact_command(data: Path) -> None:
    """Return the disk space of deleted vectors to the file system.

    Needs free disk space for one more copy of the live data.

    \b
    Example:
      s3vectors-local compact --data ./data
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        before, after = compact(data)
    except DataDirectoryError as error:
        _stop(str(error))
    click.echo(f"s3vectors-local: {data}: {before:,} bytes before, {after:,} after")


def _read_policies(
    arguments: tuple[str, ...], *, unused: bool
) -> Policies | dict[str, Policies] | None:
    """Return the policies of every caller, or of each principal."""
    if not arguments:
        if unused:
            raise ValueError(
                "--unused lists what a --policy grants and no request used; add a --policy"
            )
        return None
    files: dict[str, list[str]] = {}
    for argument in arguments:
        principal, _, file = argument.rpartition("=")
        files.setdefault(principal, []).append(file)
    policies = {principal: _read_policy_files(names) for principal, names in files.items()}
    if "" not in policies:
        return policies
    if len(policies) > 1:
        raise ValueError(
            "--policy FILE is for every caller; it cannot be combined with --policy PRINCIPAL=FILE"
        )
    return policies[""]


def _read_policy_files(files: list[str]) -> Policies:
    try:
        return Policies(*(Path(file).read_text("utf-8") for file in files))
    except (PolicyError, UnicodeDecodeError, OSError) as error:
        raise PolicyError(f"--policy {', '.join(files)}: {error}") from error


def _parse_faults(options: dict[str, Any]) -> Faults | None:
    if not options["faults"] and not options["latency"]:
        return None
    rates = _parse_pairs(options["faults"], "--fault KIND:RATE", _NUMBER)
    numbers = {kind: float(rate) for kind, rate in rates.items()}
    return Faults(numbers, options["latency"], options["seed"])


def _read_access_keys(options: dict[str, Any]) -> dict[str, str]:
    texts = list(options["access_keys"])
    for file in options["key_files"]:
        try:
            lines = [
                line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()
            ]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--access-key-file {file} cannot be read: {error}") from error
        keys = [line for line in lines if line]
        if not keys:
            raise ValueError(f"--access-key-file {file} has no line ID:SECRET")
        texts += keys
    return _parse_pairs(tuple(texts), "--access-key ID:SECRET", _KEY_ID, secret=True)


def _parse_pairs(
    texts: tuple[str, ...], form: str, pattern: re.Pattern[str], *, secret: bool = False
) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for number, text in enumerate(texts, 1):
        match = pattern.fullmatch(text)
        if match is None:
            shown = f"key {number}" if secret else f'"{text}"'
            raise ValueError(f"{shown} does not have the form {form}")
        name, value = match.groups()
        if name in pairs:
            raise ValueError(f"{form} is repeated for {name}")
        pairs[name] = value
    return pairs


def _check_not_empty(*, host: str, data: str | None) -> None:
    """Refuse an empty value, which is usually an unset variable."""
    if not host:
        raise ValueError('--host is empty; "0.0.0.0" listens on every address of this machine')
    if data == "":
        raise ValueError('--data is empty; name a directory, for example "./data"')


def _open_engine(
    options: dict[str, Any],
    policies: Policies | dict[str, Policies] | None,
    principals: dict[str, str],
) -> Engine:
    choices = Choices(
        missing_key=options["missing_key"],
        array_negation=options["array_negation"],
        euclidean=options["euclidean"],
        numbers=options["numbers"],
        repeated_keys=options["repeated_keys"],
        analyzer=options["analyzer"],
    )
    try:
        return Engine(
            options["data"],
            bucket_mode=options["bucket_mode"],
            choices=choices,
            policies=policies,
            rates=RateLimits() if options["limits"] == "aws" else None,
            principals=principals,
        )
    except (DataDirectoryError, PolicyError) as error:
        _stop(str(error))


def _choose_console(options: dict[str, Any], *, private: bool) -> ConsoleOptions | None:
    """Return how to serve the console; it needs a token where the API is not for everybody."""
    if options["console"] == "off":
        return None
    return ConsoleOptions(options["console"] == "write", make_token() if private else None)


def _print_start(
    host: str, port: int, data: str | None, *, verified: bool, console: ConsoleOptions | None
) -> None:
    storage = f"data in {data}" if data else "data in memory only"
    click.echo(f"s3vectors-local: {_build_url(host, port)}, {storage}; press Ctrl-C to stop")
    if console is not None:
        loopback = "::1" if ":" in host else DEFAULT_HOST
        url = _build_url(loopback if _is_wildcard(host) else host, port)
        click.echo(f"s3vectors-local: console: {console.build_address(url)}")
    if not verified and not _is_loopback(host):
        click.echo(
            f"s3vectors-local: warning: anyone who reaches {host} can read and change the data; "
            "to require signatures, use --access-key ID:SECRET",
            err=True,
        )


def _build_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _print_missing_packages() -> None:
    """Print which packages of the extra `fast` are missing on this platform."""
    missing = [] if HAS_NUMKONG else ["numkong"]
    if not HAS_SIMDJSON and _has_simdjson_wheels():
        missing.append("pysimdjson")
    if missing:
        click.echo(
            f"s3vectors-local: to make the engine faster, `pip install {' '.join(missing)}`",
            err=True,
        )


def _has_simdjson_wheels() -> bool:
    """Whether the extra `fast` includes pysimdjson on this platform; see pyproject.toml."""
    windows_on_arm = sys.platform == "win32" and platform.machine() == "ARM64"
    return sys.version_info < (3, 14) and not windows_on_arm


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _print_unused(unused: list[str]) -> None:
    for line in unused or ["all granted permissions were used"]:
        click.echo(f"s3vectors-local: {line}")


def _stop(message: str) -> NoReturn:
    click.echo(f"s3vectors-local: {message}", err=True)
    sys.exit(2)


main.add_command(export_command)
main.add_command(import_command)
main.add_command(reset_command)

if __name__ == "__main__":
    main()
