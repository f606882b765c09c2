"""A web page in a real browser can neither change nor read the data of a server on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support import TESTS
from support.endpoints import create_client, serve

PACKAGES = Path(sys.prefix) / "javascript"
SCRIPT = TESTS / "support" / "engine" / "browser.mjs"

BODY = '{"vectorBucketName":"victim","indexName":"documents-2"}'
PUT = json.dumps(
    {
        "vectorBucketName": "victim",
        "indexName": "documents-2",
        "vectors": [{"key": "planted", "data": {"float32": [1, 2]}, "metadata": {"text": "lies"}}],
    }
)

ATTACKS = {
    "bytes without a type": """
        await fetch(TARGET + '/DeleteIndex', {
            method: 'POST', mode: 'no-cors', body: new TextEncoder().encode(BODY)});""",
    "planted bytes": """
        await fetch(TARGET + '/PutVectors', {
            method: 'POST', mode: 'no-cors', body: new TextEncoder().encode(PUT)});""",
    "text": """
        await fetch(TARGET + '/DeleteIndex', {method: 'POST', mode: 'no-cors', body: BODY});""",
    "a blob of JSON": """
        await fetch(TARGET + '/DeleteIndex', {method: 'POST', mode: 'no-cors',
            body: new Blob([BODY], {type: 'application/json'})}).catch(String);""",
    "JSON with CORS": """
        return await fetch(TARGET + '/DeleteIndex', {method: 'POST', body: BODY,
            headers: {'content-type': 'application/json'}}).then(r => r.text(), String);""",
    "a beacon": """
        navigator.sendBeacon(TARGET + '/DeleteIndex', new TextEncoder().encode(BODY));
        await fetch(TARGET + '/health', {mode: 'no-cors'}).catch(String);""",
    "a form": """
        const frame = document.createElement('iframe');
        frame.name = 'hidden';
        document.body.append(frame);
        const form = document.createElement('form');
        Object.assign(form, {method: 'POST', enctype: 'text/plain', target: 'hidden',
            action: TARGET + '/DeleteIndex'});
        const input = document.createElement('input');
        input.name = BODY.slice(0, -1) + ',"x":"';
        input.value = '"}';
        form.append(input);
        document.body.append(form);
        const loaded = new Promise(done => frame.addEventListener('load', done));
        form.submit();
        await loaded;""",
}

CONSOLE_ATTACKS = {
    "a deletion as text": """
        await fetch(TARGET + '/console/api/call/DeleteIndex', {
            method: 'POST', mode: 'no-cors', body: BODY});""",
    "a deletion as bytes": """
        await fetch(TARGET + '/console/api/call/DeleteIndex', {
            method: 'POST', mode: 'no-cors', body: new TextEncoder().encode(BODY)});""",
    "a deletion as JSON": """
        return await fetch(TARGET + '/console/api/call/DeleteIndex', {method: 'POST', body: BODY,
            headers: {'content-type': 'application/json'}}).then(r => r.text(), String);""",
    "an import": """
        await fetch(TARGET + '/console/api/import?bucket=victim&index=documents-2', {
            method: 'POST', mode: 'no-cors', body: new TextEncoder().encode(PUT)});""",
    "a look": """
        const list = TARGET + '/console/api/call/ListVectorBuckets';
        return await fetch(list, {method: 'POST', body: '{}',
            headers: {'content-type': 'application/json'}}).then(r => r.text(), String);""",
    "its page": """
        return await fetch(TARGET + '/').then(r => r.text(), String);""",
}

READ = """
    return await fetch(TARGET + '/ListVectorBuckets', {method: 'POST', body: '{}',
        headers: {'content-type': 'application/json'}}).then(r => r.text(), String);"""


class Page(BaseHTTPRequestHandler):
    """A web page."""

    def do_GET(self):
        """Return the page for any path."""
        page = b"<!doctype html><title>A page</title><body></body>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture(scope="module")
def page():
    """Return the port of another server on this machine, which has a web page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_address[1]
        serving.shutdown()
        thread.join()


@pytest.fixture
def victim():
    """Return the URL of a server with an index, and its client."""
    with serve() as url, closing(create_client(endpoint_url=url)) as client:
        client.create_vector_bucket(vectorBucketName="victim")
        names = {"vectorBucketName": "victim", "indexName": "documents-2"}
        client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")
        yield url, client


def browse(*pages, resolve):
    """Return the results of the scripts in these pages; all names resolve to this machine."""
    assert (PACKAGES / "node_modules").is_dir(), "run `make test` once; it installs the browser"
    result = subprocess.run(
        [Path(sys.executable).with_name("node"), SCRIPT, PACKAGES],
        input=json.dumps({"resolve": resolve, "pages": pages}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def build_script(target, body):
    """Return the script of a page with its parameters."""
    values = {"TARGET": target, "BODY": BODY, "PUT": PUT}
    return "".join(f"const {k} = {json.dumps(v)};" for k, v in values.items()) + body


def test_a_page_of_another_origin_can_change_nothing(page, victim):
    """It sends each kind of request, from another site or another port of this machine."""
    url, client = victim
    sites = [f"http://evil.example:{page}/", f"http://127.0.0.1:{page}/"]

    browse(
        *[(site, build_script(url, attack)) for site in sites for attack in ATTACKS.values()],
        resolve={"evil.example": "127.0.0.1"},
    )

    names = {"vectorBucketName": "victim", "indexName": "documents-2"}
    assert client.list_vectors(**names)["vectors"] == []


def test_a_page_with_dns_rebinding_can_read_nothing(page, victim):
    """For the browser, the page and the server have the same origin."""
    url, _ = victim
    port = url.rpartition(":")[2]
    rebound = f"http://evil.example:{port}"

    [first, other] = browse(
        (f"{rebound}/health", build_script(rebound, READ)),
        (f"http://127.0.0.1:{page}/", build_script(url, READ)),
        resolve={"evil.example": "127.0.0.1"},
    )

    assert "AccessDenied" in first or "is not a name of this server" in first
    assert "victim" not in first + other


def test_the_server_s_own_page_can_send_requests(victim):
    """The browser may open it by either name of this machine."""
    url, _ = victim
    port = url.rpartition(":")[2]
    own = [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]

    answers = browse(*[(f"{one}/health", build_script(one, READ)) for one in own], resolve={})

    assert [json.loads(answer)["vectorBuckets"][0]["vectorBucketName"] for answer in answers] == [
        "victim",
        "victim",
    ]


def test_a_page_of_another_origin_cannot_use_the_console(page):
    """It can open neither the API nor the page, even in write mode without a token."""
    with serve("--console", "write") as url, closing(create_client(endpoint_url=url)) as client:
        client.create_vector_bucket(vectorBucketName="victim")
        names = {"vectorBucketName": "victim", "indexName": "documents-2"}
        client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")
        site = f"http://127.0.0.1:{page}/"

        results = browse(
            *[(site, build_script(url, attack)) for attack in CONSOLE_ATTACKS.values()], resolve={}
        )

        assert client.list_vectors(**names)["vectors"] == []
    assert set(filter(None, results)) == {"TypeError: Failed to fetch"}
