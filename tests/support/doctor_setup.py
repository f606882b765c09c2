"""Setups for `doctor` to check, and the problems that it finds."""

from __future__ import annotations

import http.server
import json
from typing import Any, Final

from s3vectors_local import Policies
from support import providers, tool

ARN: Final = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
KINDS: Final = ("documents", "summaries", "insights")


def find_problems(*arguments: str) -> list[tuple[str, str, str]]:
    """Run `doctor`, and return the name, text and fix of each failed check."""
    result = tool.run("doctor", "--json", *arguments)
    report = json.loads(result.stdout)
    problems = [check for check in report["checks"] if check["state"] == "wrong"]
    assert result.exit_code == (1 if problems else 0)
    assert report["ready"] is not bool(problems)
    assert all(check["fix"] for check in problems)
    return [(check["check"], check["text"], check["fix"]) for check in problems]


def enforce_policy(document: dict[str, Any]) -> None:
    """Restart the engine with a policy that it enforces."""
    providers.close_engines()
    providers.open_engine("local:data", policies=Policies(json.dumps(document)))


class WebPage(http.server.BaseHTTPRequestHandler):
    """A web server that is not S3 Vectors."""

    def do_POST(self) -> None:
        """Respond with an HTML page."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_: object) -> None:
        """Log nothing."""
