"""What cannot be left out: JSON by orjson, one signature, one HTTP request; no checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from client_plain import NAMES, PAGE, PlainClient


class Client(PlainClient):
    """Three requests."""

    def __init__(self) -> None:
        self.url = os.environ["AWS_ENDPOINT_URL_S3VECTORS"]
        # As botocore's clients have it; without, small requests wait for the other side's timer
        no_delay: Any = (IPPROTO_TCP, TCP_NODELAY, 1)
        self.session = URLLib3Session(socket_options=[no_delay])
        self.signer = SigV4Auth(Credentials("x", "y"), "s3vectors", "us-east-1")

    def call(self, operation: str, document: dict[str, Any]) -> Any:
        """One request, which must succeed."""
        request = AWSRequest(
            "POST",
            f"{self.url}/{operation}",
            {"content-type": "application/json"},
            data=orjson.dumps({**NAMES, **document}),
        )
        self.signer.add_auth(request)
        response = self.session.send(request.prepare())
        assert response.status_code == 200, response.content  # noqa: S101, PLR2004 - a benchmark
        return orjson.loads(response.content)

    def put(self, records: list[Any]) -> None:
        """Store a batch."""
        self.call("PutVectors", {"vectors": records})

    def query(self, **question: Any) -> Any:
        """One query."""
        return self.call("QueryVectors", question)

    def list_pages(self) -> Iterator[Any]:
        """All vectors with their metadata."""
        token: dict[str, str] = {}
        while True:
            document = {"maxResults": PAGE, "returnMetadata": True, **token}
            yield (page := self.call("ListVectors", document))
            if not page.get("nextToken"):
                return
            token = {"nextToken": page["nextToken"]}
