"""A setup for `doctor` to check: names, policies, and the findings that are wrong."""

from __future__ import annotations

import http.server
import json
from typing import Any, Final

import stache
import tool
from s3vectors_local import Policies

ARN: Final = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
KINDS: Final = ("documents", "summaries", "insights")


def find_wrong(*arguments: str) -> list[tuple[str, str, str]]:
    """List what is wrong: each check with its text and its fix."""
    result = tool.run("doctor", "--json", *arguments)
    report = json.loads(result.stdout)
    wrong = [check for check in report["checks"] if check["state"] == "wrong"]
    assert result.exit_code == (1 if wrong else 0)
    assert report["ready"] is not bool(wrong)
    assert all(check["fix"] for check in wrong)
    return [(check["check"], check["text"], check["fix"]) for check in wrong]


def enforce_policy(document: dict[str, Any]) -> None:
    """Let the engine enforce a policy for its callers from now on."""
    stache.close_engines()
    stache.open_engine("local:data", policies=Policies(json.dumps(document)))


class WebPage(http.server.BaseHTTPRequestHandler):
    """A web server that is not S3 Vectors."""

    def do_POST(self) -> None:
        """Answer with a page of HTML."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_: object) -> None:
        """Print nothing."""
