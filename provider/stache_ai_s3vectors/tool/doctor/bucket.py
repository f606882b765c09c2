"""Is the vector bucket there, or in another region?"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stache_ai_s3vectors.aws import identity
from stache_ai_s3vectors.aws.client import translate_errors
from stache_ai_s3vectors.aws.parallel import call_in_parallel
from stache_ai_s3vectors.aws.provision import format_create_bucket
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import AccessDeniedError, NotFoundError, S3VectorsError
from stache_ai_s3vectors.service.arns import get_partition

from .findings import Finding, Stop, failed, ok, skipped, wrong
from .indexes import Look

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options


def examine(looks: Sequence[Look], options: Options, level: str) -> Generator[Finding, None, bool]:
    """What the service says about the bucket, which only manage-indexes may ask.

    Returns:
        Whether the provider may ask, too, which it does before it makes an index.

    Raises:
        Stop: the bucket is not there, or in another region.
    """
    first = looks[0].index
    try:
        with translate_errors(f"GetVectorBucket of {options.bucket_name}"):
            told = first.client.get_vector_bucket(**options.bucket_parameters)["vectorBucket"]
    except NotFoundError:
        if options.local and options.create_index:
            yield ok("bucket", "not there yet; the provider makes it on first use")
            return True
        raise Stop(_missing(first)) from None
    except AccessDeniedError as error:
        if not any(look.told for look in looks) and (place := _elsewhere(first)[0]):
            raise Stop(_in(place, options)) from error
        if level == "manage-indexes":
            yield failed("bucket", error)
        else:
            yield skipped("bucket", f"GetVectorBucket is not part of {level}; its indexes tell")
        return False
    except S3VectorsError as error:
        yield failed("bucket", error)
        return False
    yield ok("bucket", str(told["vectorBucketArn"]))
    return True


def _missing(index: VectorIndex) -> Finding:
    options, region = index.options, index.client.meta.region_name
    place, asked = _elsewhere(index)
    if place:
        return _in(place, options)
    others = f", nor in the {asked} other regions that could be asked" if asked else ""
    return wrong(
        "bucket",
        f"there is no vector bucket {options.bucket_name} in {region}{others}",
        f"correct S3VECTORS_BUCKET_NAME or S3VECTORS_REGION, or make it: "
        f"{format_create_bucket(index.client, options)}",
    )


def _in(place: str, options: Options) -> Finding:
    text = f"vector bucket {options.bucket_name} is in {place}"
    return wrong("region", text, f"set S3VECTORS_REGION={place}")


def _elsewhere(index: VectorIndex) -> tuple[str | None, int]:
    """The region in which the bucket or the index is, and how many could be asked."""
    if index.options.bucket_arn:
        return None, 0  # which says the region
    here, asked = index.client.meta.region_name, 0
    others = [region for region in identity.list_regions(get_partition(here)) if region != here]
    for region, call in call_in_parallel(lambda region: _is_in(index.options, region), others):
        answer = call.result()
        asked += answer is not None
        if answer:
            return region, asked
    return None, asked


def _is_in(options: Options, region: str) -> bool | None:
    """Whether the bucket or the index is in a region; None when nobody says."""
    there = VectorIndex(
        replace(options, region=region, max_attempts=1, connect_timeout=2.0, read_timeout=5.0)
    )
    name = options.bucket_name
    asked = _answer(lambda: there.client.get_vector_bucket(vectorBucketName=name))
    return _answer(there.describe) if asked is None else asked


def _answer(call: Callable[[], object]) -> bool | None:
    try:
        with translate_errors("looking"):
            call()
    except NotFoundError:
        return False
    except S3VectorsError:  # not allowed, or no such region
        return None
    return True
