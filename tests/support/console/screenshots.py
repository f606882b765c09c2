"""A script that takes the documents' pictures of the console, with the data of `make stache`.

    PYTHONPATH=tests:examples .venv/bin/python -m support.console.screenshots [NAME …]

Look at each before you commit it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError
from PIL import Image

import quickstart
from s3vectors_local import Engine
from stache_ai_s3vectors.aws.connections import close_engines
from support import ROOT
from support.console.page import DESKTOP, Browser, run_browser
from support.endpoints import create_client, serve

FOLDER: Final = ROOT / "docs" / "images"
NAMES: Final = {"vectorBucketName": "quickstart", "indexName": "documents-1024"}
INDEX: Final = "#/bucket/quickstart/index/documents-1024"
DUMMY: Final = {"aws_access_key_id": "dummy", "aws_secret_access_key": "dummy"}
COLORS: Final = 256
NARROW: Final = (390, 780)


class Picture(NamedTuple):
    """A view, and the steps to do there before the picture is taken."""

    address: str
    steps: Callable[[Browser], object]
    size: tuple[int, int] = DESKTOP
    dark: bool = False


def show_overview(page: Browser) -> None:
    """Count every index."""
    page.click("button", "Count vectors")
    page.wait("345")
    page.waitUntil("!document.querySelector('.job')")


def show_vector(page: Browser) -> None:
    """Open the first vector of the first page."""
    page.waitFor(".keycell")
    page.evaluate("document.querySelector('.keycell a').click()")
    page.wait("Filterable metadata, in bytes")


def show_query(page: Browser) -> None:
    """Query by text and vector together."""
    page.check("Both")
    page.fill("Key of a stored vector", read_key(page, "with"))
    page.fill("Text", "context manager")
    page.click("button", "Query")
    page.wait("10 results")


def show_reason(page: Browser) -> None:
    """Explain a vector that the filter excludes."""
    page.fill("Filter", '{"$and": [{"topic": "with"}, {"chunk_index": {"$lt": 5}}]}')
    page.fill("Key of a stored vector", read_key(page, "with"))
    page.click("button", "Query")
    page.wait("results in")
    page.fill("Key that you expect", read_key(page, "try"))
    page.click("button", "Explain")
    page.waitFor(".verdict")


def show_map(page: Browser) -> None:
    """Highlight the results of a search on the map."""
    page.waitFor(".legend")
    page.choose("Light up", "text")
    page.fill("Key or text", "debugger breakpoint")
    page.click("button", "Find")
    page.wait("results are among the points")


def show_deletion(page: Browser) -> None:
    """Open the confirmation before an index is deleted."""
    page.click("button", "Delete the index …")
    page.fill("Name of the index", "documents")


def read_key(page: Browser, topic: str) -> str:
    """Return the key of a chunk of a topic."""
    request = {**NAMES, "topK": 1, "filter": {"topic": topic}}
    call = f"""import('/console/static/api.js').then(api => api.call('QueryVectors',
        {{...{request!r}, queryVector: {{float32: [1, ...Array(1023).fill(0)]}}}}))"""
    return str(page.evaluate(call)["vectors"][0]["key"])


def wait_for(text: str) -> Callable[[Browser], object]:
    """Make steps that only wait for a text."""
    return lambda page: page.wait(text)


PICTURES: Final = {
    "overview": Picture("#/", show_overview),
    "index": Picture(INDEX, wait_for("Data type")),
    "browse": Picture(f"{INDEX}/browse", wait_for("Page 1")),
    "vector": Picture(f"{INDEX}/browse", show_vector),
    "query": Picture(f"{INDEX}/query", show_query),
    "why": Picture(f"{INDEX}/query", show_reason),
    "map": Picture(f"{INDEX}/map?color=topic", show_map),
    "map-dark": Picture(f"{INDEX}/map?color=topic", show_map, dark=True),
    "requests": Picture("#/requests", wait_for("QueryVectors")),
    "transfer": Picture(f"{INDEX}/transfer", wait_for("Drop an export")),
    "delete": Picture(INDEX, show_deletion),
    "narrow": Picture(f"{INDEX}/browse?size=25", wait_for("Page 1"), size=NARROW, dark=True),
}


@contextmanager
def serve_demo() -> Iterator[str]:
    """Serve the demo's documents, send some requests, and yield the URL."""
    with tempfile.TemporaryDirectory() as folder:
        quickstart.use_settings(quickstart.make_settings(Path(folder)))
        asyncio.run(quickstart.ingest(quickstart.make_pipeline()))
        close_engines()
        data = Path(folder) / "vectors"
        add_indexes(data)
        with serve("--data", str(data), "--console", "write") as url:
            send_requests(url)
            yield url


def add_indexes(data: Path) -> None:
    """Add Stache's other two indexes, and tags."""
    with Engine(data) as engine:
        bucket = {"vectorBucketName": NAMES["vectorBucketName"]}
        index = engine.call("GetIndex", NAMES)["index"]
        arn = engine.call("GetVectorBucket", bucket)["vectorBucket"]["vectorBucketArn"]
        tags = {"project": "stache", "stage": "demo"}
        for resource in (arn, index["indexArn"]):
            engine.call("TagResource", {"resourceArn": resource, "tags": tags})
        shape = ("dataType", "dimension", "distanceMetric", "metadataConfiguration")
        for name in ("insights-1024", "summaries-1024"):
            parts = {part: index[part] for part in shape}
            engine.call("CreateIndex", {**bucket, "indexName": name, **parts})


def send_requests(url: str) -> None:
    """Send the requests of a program that uses the index. Two of them are refused."""
    with closing(create_client(endpoint_url=url, **DUMMY)) as client:
        client.list_indexes(vectorBucketName=NAMES["vectorBucketName"])
        vectors = client.list_vectors(**NAMES, maxResults=6)["vectors"]
        for vector in vectors:
            [stored] = client.get_vectors(**NAMES, keys=[vector["key"]], returnData=True)["vectors"]
            client.query_vectors(**NAMES, topK=10, queryVector=stored["data"])
        with suppress(ClientError):
            client.get_index(**{**NAMES, "indexName": "document-1024"})
        with suppress(ClientError):
            client.query_vectors(**NAMES, topK=3, queryVector={"float32": [0.5, 0.5]})


def take_picture(page: Browser, url: str, name: str) -> None:
    """Take a picture, and save it."""
    picture = PICTURES[name]
    page.open_console(url, picture.address, size=picture.size, dark=picture.dark)
    page.wait("quickstart")
    picture.steps(page)
    page.evaluate("document.activeElement.blur()")
    path = FOLDER / f"console-{name}.png"
    page.screenshot(str(path))
    reduce_colors(path)
    assert page.faults() == []
    print(path, f"{path.stat().st_size:,} bytes")  # noqa: T201 - a script


def reduce_colors(path: Path) -> None:
    """Make a picture small, but keep the colors of backgrounds and of the legend's marks."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    counts = sorted(picture.getcolors(picture.width * picture.height) or (), reverse=True)
    half = COLORS // 2
    frequent: list[Any] = [color for _, color in counts[:half]]
    different = picture.quantize(half, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(part for color in frequent for part in color), *different])
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Take all pictures, or those named by the arguments."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with serve_demo() as url, run_browser() as page:
        for name in sys.argv[1:] or PICTURES:
            take_picture(page, url, name)


if __name__ == "__main__":
    main()
