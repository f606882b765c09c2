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
    """Amazon S3 Vectors in a box.

    Point any AWS SDK or the AWS CLI at it with --endpoint-url (or
    AWS_ENDPOINT_URL_S3VECTORS); any credentials will do.
    """


@main.command("serve")
@click.option(
    "--host",
    default=DEFAULT_HOST,
    show_default=True,
    help="Address to listen on. Whoever can reach it can read and change the data, unless "
    "--access-key is given.",
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
    help="Another name or address by which clients reach it, from other containers for instance; "
    "can be given more than once. Requests by other names are refused, and so are those of web "
    "pages.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Directory that keeps the data, made when missing. Without it, all is in memory.",
)
@click.option(
    "--access-key",
    "access_keys",
    multiple=True,
    metavar="ID:SECRET",
    envvar="S3VECTORS_LOCAL_ACCESS_KEY",
    help="Verify signatures, and accept those of this key; can be given more than once. Other "
    "users of the machine see it in the list of processes: better use the environment variable "
    "S3VECTORS_LOCAL_ACCESS_KEY (several with spaces between them), or --access-key-file.",
)
@click.option(
    "--access-key-file",
    "key_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The same for the keys in a file, one ID:SECRET a line; # begins a comment.",
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="[PRINCIPAL=]FILE",
    help="Enforce permissions. Identity policy (JSON) of every caller, or of one principal (the "
    "ARN of a user or role, an account's id); can be given more than once. Bucket policies are "
    "enforced, too. What is not allowed is answered with 403.",
)
@click.option(
    "--principal",
    "principals",
    multiple=True,
    metavar="KEY_ID=PRINCIPAL",
    help="Who the requests signed with an access key are from: the ARN of a user or role, an "
    "account's id, or a service such as lambda.amazonaws.com; can be given more than once.",
)
@click.option(
    "--unused",
    is_flag=True,
    help="When stopped, print what the policies grant and no request has needed.",
)
@click.option(
    "--log",
    is_flag=True,
    help="Print a line for each request: operation, bucket and index, HTTP status, time, and of a "
    "refusal its code and the policy statement that denies it; never data or keys.",
)
@click.option(
    "--bucket-mode",
    type=click.Choice(["enhanced", "classic"]),
    default="enhanced",
    show_default=True,
    help="Make vector buckets as AWS does today, or as those made before 2026-09-30.",
)
@click.option(
    "--limits",
    type=click.Choice(["none", "aws"]),
    default="none",
    show_default=True,
    help="Apply the documented write rates of each index: 1,000 requests and 2,500 vectors a "
    "second; what is beyond is answered with 429.",
)
@click.option(
    "--latency",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Take so much longer for every answer.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:RATE",
    help=f"Let a share of requests fail: {', '.join(KINDS)}, such as 503:0.01. With a timeout "
    "or a dropped connection no answer comes, and the request is carried out or not. Can be given "
    "more than once.",
)
@click.option("--seed", default=0, show_default=True, help="The faults that a seed gives repeat.")
@click.option(
    "--missing-key",
    type=click.Choice(["match", "no-match"]),
    default="match",
    show_default=True,
    help="Whether a vector without the key passes $ne and $nin; AWS does not document it.",
)
@click.option(
    "--array-negation",
    type=click.Choice(["no-element", "any-element"]),
    default="no-element",
    show_default=True,
    help="Whether $ne and $nin ask that no element of an array is equal, or that any differs; "
    "AWS does not document it.",
)
@click.option(
    "--euclidean",
    type=click.Choice(["plain", "squared"]),
    default="plain",
    show_default=True,
    help="The euclidean distance itself or its square; AWS does not document which it returns.",
)
@click.option(
    "--numbers",
    type=click.Choice(["double", "single"]),
    default="double",
    show_default=True,
    help="How metadata keeps numbers: integers exactly and the others in double precision, or all "
    "in single precision; AWS does not document it.",
)
@click.option(
    "--repeated-keys",
    type=click.Choice(["last", "refused"]),
    default="last",
    show_default=True,
    help="Whether the last of equal keys in one PutVectors is stored, or the request is refused; "
    "AWS does not document it.",
)
@click.option(
    "--analyzer",
    type=click.Choice(["uax29", "words"]),
    default="uax29",
    show_default=True,
    help="How full text is cut into words: as Lucene's standard tokenizer does it, by Unicode's "
    "UAX #29, or at whatever is neither a letter nor a digit; AWS does not document it. A data "
    "directory that was written with the other one is built anew.",
)
def serve_command(host: str, port: int, **options: Any) -> None:
    """Answer the S3 Vectors API over HTTP until stopped.

    \b
    Examples:
      s3vectors-local serve --port 9100 --data ./data
      aws s3vectors list-vector-buckets --endpoint-url http://127.0.0.1:9100
      s3vectors-local serve --policy role.json --unused
      s3vectors-local serve --limits aws --latency 0.02 --fault 503:0.01
    """  # noqa: D301 - \b keeps click from wrapping the examples
    try:
        policies = _policies(options["policies"], unused=options["unused"])
        faults = _faults(options)
        keys = _access_keys(options)
        principals = _pairs(options["principals"], "--principal KEY_ID=PRINCIPAL", _CALLER)
        for name in (*principals.values(), *(policies if isinstance(policies, dict) else ())):
            Caller.named(name)
        _check_given(host=host, data=options["data"])
        hosts = [*options["hosts"], *([] if _is_wildcard(host) else [host])]
        Origins(hosts)
    except (PolicyError, ValueError) as error:
        _stop(str(error))
    try:
        bound = listen(host, port)
    except OSError as error:
        advice = "choose another --port" if error.errno == errno.EADDRINUSE else "check --host"
        _stop(f"cannot listen on {host}:{port}: {error.strerror}; {advice}")
    engine = _engine(options, policies, principals)
    _greet(host, bound.getsockname()[1], options["data"], verified=bool(keys))
    _print_missing()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again at its end
    try:
        verifier = Verifier(keys) if keys else None
        log = RequestLog() if options["log"] else None
        serve(engine, bound, faults=faults, verifier=verifier, hosts=hosts, log=log)
    except KeyboardInterrupt:
        pass  # uvicorn has answered what was under way and raises Ctrl-C again
    finally:
        engine.close()
        if policies is not None and options["unused"]:
            each = policies.values() if isinstance(policies, dict) else [policies]
            _report([line for one in each for line in one.unused()])


@main.command("compact")
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory that keeps the data; no engine may have it open.",
)
def compact_command(data: Path) -> None:
    """Give the space of deleted vectors back to the file system.

    The disk needs room for the live data once more.

    \b
    Example:
      s3vectors-local compact --data ./data
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        before, after = compact(data)
    except DataDirectoryError as error:
        _stop(str(error))
    click.echo(f"s3vectors-local: {data}: {before:,} bytes before, {after:,} after")


def _policies(given: tuple[str, ...], *, unused: bool) -> Policies | dict[str, Policies] | None:
    """Those of every caller, or of each principal."""
    if not given:
        if unused:
            raise ValueError(
                "--unused lists what a --policy grants and no request used. Give a --policy"
            )
        return None
    files: dict[str, list[str]] = {}
    for text in given:
        principal, _, file = text.rpartition("=")
        files.setdefault(principal, []).append(file)
    policies = {principal: _read_policies(names) for principal, names in files.items()}
    if "" not in policies:
        return policies
    if len(policies) > 1:
        raise ValueError("--policy FILE is for every caller; with it, none can be for a principal")
    return policies[""]


def _read_policies(files: list[str]) -> Policies:
    try:
        return Policies(*(Path(file).read_text("utf-8") for file in files))
    except (PolicyError, UnicodeDecodeError, OSError) as error:
        raise PolicyError(f"--policy {', '.join(files)}: {error}") from error


def _faults(options: dict[str, Any]) -> Faults | None:
    if not options["faults"] and not options["latency"]:
        return None
    rates = _pairs(options["faults"], "--fault KIND:RATE", _NUMBER)
    numbers = {kind: float(rate) for kind, rate in rates.items()}
    return Faults(numbers, options["latency"], options["seed"])


def _access_keys(options: dict[str, Any]) -> dict[str, str]:
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
    return _pairs(tuple(texts), "--access-key ID:SECRET", _KEY_ID, secret=True)


def _pairs(
    texts: tuple[str, ...], form: str, pattern: re.Pattern[str], *, secret: bool = False
) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, text in enumerate(texts, 1):
        matched = pattern.fullmatch(text)
        if matched is None:
            shown = f"key {number}" if secret else f'"{text}"'
            raise ValueError(f"{shown} does not have the form {form}")
        name, value = matched.groups()
        if name in found:
            raise ValueError(f"{form} is given twice for {name}")
        found[name] = value
    return found


def _check_given(*, host: str, data: str | None) -> None:
    """An empty text is mostly a variable that was not set."""
    if not host:
        raise ValueError('--host is empty; "0.0.0.0" listens on every address of this machine')
    if data == "":
        raise ValueError('--data is empty; name a directory, such as "./data"')


def _engine(
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


def _greet(host: str, port: int, data: str | None, *, verified: bool) -> None:
    where = f"data in {data}" if data else "data in memory only"
    name = f"[{host}]" if ":" in host else host
    click.echo(f"s3vectors-local: http://{name}:{port}, {where}; Ctrl-C stops")
    if not verified and not _is_loopback(host):
        click.echo(
            f"s3vectors-local: warning: whoever reaches {host} can read and change the data; "
            "--access-key ID:SECRET asks for signatures",
            err=True,
        )


def _print_missing() -> None:
    """Name what the extra `fast` installs on this platform and is not installed."""
    missing = [] if HAS_NUMKONG else ["numkong"]
    if not HAS_SIMDJSON and _has_simdjson_wheels():
        missing.append("pysimdjson")
    if missing:
        click.echo(
            f"s3vectors-local: `pip install {' '.join(missing)}` makes the engine faster",
            err=True,
        )


def _has_simdjson_wheels() -> bool:
    """Whether the extra `fast` includes pysimdjson here: its marker in pyproject.toml."""
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


def _report(unused: list[str]) -> None:
    for line in unused or ["all that the policies grant was used"]:
        click.echo(f"s3vectors-local: {line}")


def _stop(message: str) -> NoReturn:
    click.echo(f"s3vectors-local: {message}", err=True)
    sys.exit(2)


main.add_command(export_command)
main.add_command(import_command)
main.add_command(reset_command)

if __name__ == "__main__":
    main()
