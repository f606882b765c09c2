"""What cannot be left out: JSON by orjson, one signature, one HTTP request; no checks."""

from __future__ import annotations

import os
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any, Final

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

NAMES: Final = {"vectorBucketName": "bench", "indexName": "documents"}


class Client:
    """Four requests."""

    def __init__(self) -> None:
        self.url = os.environ["AWS_ENDPOINT_URL_S3VECTORS"]
        # As botocore's clients have it; without, small requests wait for the answerer's timer
        no_delay: Any = (IPPROTO_TCP, TCP_NODELAY, 1)
        self.session = URLLib3Session(socket_options=[no_delay])
        self.signer = SigV4Auth(Credentials("x", "y"), "s3vectors", "us-east-1")

    def _call(self, operation: str, document: dict[str, Any]) -> Any:
        headers = {"content-type": "application/json"}
        request = AWSRequest(
            "POST", f"{self.url}/{operation}", headers, data=orjson.dumps(document)
        )
        self.signer.add_auth(request)
        response = self.session.send(request.prepare())
        assert response.status_code == 200, response.content  # noqa: S101, PLR2004 - a benchmark
        return orjson.loads(response.content)

    def insert(
        self,
        vectors: list[list[float]],
        texts: list[str],
        metadatas: list[dict[str, Any]],
        ids: list[str],
    ) -> None:
        """Store chunks, one request after the other."""
        vectors_ = [
            {"key": key, "data": {"float32": vector}, "metadata": {**metadata, "text": text}}
            for key, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
        ]
        for start in range(0, len(vectors_), 500):
            self._call("PutVectors", {**NAMES, "vectors": vectors_[start : start + 500]})

    def count(self, condition: dict[str, Any]) -> int:
        """How many have these values; page after page."""
        asked: dict[str, Any] = {**NAMES, "maxResults": 1_000, "returnMetadata": True}
        found = 0
        while True:
            page = self._call("ListVectors", asked)
            found += sum(
                all(vector["metadata"].get(key) == value for key, value in condition.items())
                for vector in page["vectors"]
            )
            if not page.get("nextToken"):
                return found
            asked["nextToken"] = page["nextToken"]

    def search(self, vector: list[float]) -> list[Any]:
        """The nearest ten, without a filter."""
        asked = {"queryVector": {"float32": vector}, "topK": 10, "returnMetadata": True}
        found: list[Any] = self._call("QueryVectors", {**NAMES, **asked})["vectors"]
        return found
