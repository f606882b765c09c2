"""Does the vector bucket exist, here or in another region?"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stache_ai_s3vectors.aws import identity
from stache_ai_s3vectors.aws.advice import format_create_bucket
from stache_ai_s3vectors.aws.client import translate_errors
from stache_ai_s3vectors.aws.parallel import call_in_parallel
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import AccessDeniedError, NotFoundError, S3VectorsError
from stache_ai_s3vectors.service.arns import get_partition

from .findings import Finding, Stop, report_error, report_ok, report_skipped, report_wrong
from .indexes import IndexProbe

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options


def check_bucket(
    probes: Sequence[IndexProbe], options: Options, level: str
) -> Generator[Finding, None, bool]:
    """Check the bucket with GetVectorBucket, which only the level manage-indexes allows.

    Returns:
        Whether the provider may call it, as it does before it creates an index.

    Raises:
        Stop: the bucket does not exist, or is in another region.
    """
    first = probes[0].index
    try:
        with translate_errors(f"GetVectorBucket of {options.bucket_name}"):
            answer = first.client.get_vector_bucket(**options.bucket_parameters)["vectorBucket"]
    except NotFoundError:
        if options.local and options.create_index:
            yield report_ok("bucket", "not created yet; the provider creates it on first use")
            return True
        raise Stop(_report_missing(first)) from None
    except AccessDeniedError as error:
        if not any(probe.description for probe in probes) and (region := _find_elsewhere(first)[0]):
            raise Stop(_report_region(region, options)) from error
        if level == "manage-indexes":
            yield report_error("bucket", error)
        else:
            yield report_skipped("bucket", f"not checked: {level} does not include GetVectorBucket")
        return False
    except S3VectorsError as error:
        yield report_error("bucket", error)
        return False
    yield report_ok("bucket", str(answer["vectorBucketArn"]))
    return True


def _report_missing(index: VectorIndex) -> Finding:
    options, region = index.options, index.client.meta.region_name
    other, answered = _find_elsewhere(index)
    if other:
        return _report_region(other, options)
    others = f", nor in the {answered} other regions that answered" if answered else ""
    return report_wrong(
        "bucket",
        f"there is no vector bucket {options.bucket_name} in {region}{others}",
        f"correct S3VECTORS_BUCKET_NAME or S3VECTORS_REGION, or create it: "
        f"{format_create_bucket(index.client, options)}",
    )


def _report_region(region: str, options: Options) -> Finding:
    text = f"vector bucket {options.bucket_name} is in {region}"
    return report_wrong("region", text, f"set S3VECTORS_REGION={region}")


def _find_elsewhere(index: VectorIndex) -> tuple[str | None, int]:
    """Find another region that has the bucket or the index; return how many regions answered."""
    if index.options.bucket_arn:
        return None, 0  # the ARN names the region
    own, answered = index.client.meta.region_name, 0
    others = [region for region in identity.list_regions(get_partition(own)) if region != own]
    for region, call in call_in_parallel(lambda region: _is_in(index.options, region), others):
        answer = call.result()
        answered += answer is not None
        if answer:
            return region, answered
    return None, answered


def _is_in(options: Options, region: str) -> bool | None:
    """Whether a region has the bucket or the index; None if it does not say."""
    remote = VectorIndex(
        replace(options, region=region, max_attempts=1, connect_timeout=2.0, read_timeout=5.0),
        create=False,
    )
    name = options.bucket_name
    answer = _exists(lambda: remote.client.get_vector_bucket(vectorBucketName=name))
    return _exists(remote.describe) if answer is None else answer


def _exists(call: Callable[[], object]) -> bool | None:
    try:
        with translate_errors("looking"):
            call()
    except NotFoundError:
        return False
    except S3VectorsError:  # not allowed, or no such region
        return None
    return True
