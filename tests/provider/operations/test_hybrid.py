"""Hybrid search: the words of the question, from Stache's pipeline to the service."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import datetime, timezone

import pytest
from stache_ai.middleware.context import QueryContext, RequestContext
from stache_ai.providers.plugin_loader import get_providers

import quickstart
from stache_ai_s3vectors import RejectedError, S3VectorsError
from stache_ai_s3vectors.operations import search
from stache_ai_s3vectors.operations.query_text import put_question, shorten_question, take_question
from stache_ai_s3vectors.plugins.query_processor import S3VectorsQuestion
from support import providers

pytestmark = pytest.mark.usefixtures("every_choice")

QUESTION = [1.0, 0.0, 0.5, 0.25]
WORDS = "XK-4471?"
TEXTS = [
    "The coffee machine shows error codes on its display.",
    "Whoever sees an error should write down its code.",
    "XK-4471: the water tank is empty.",
]
FAR = [[1.0, 0.1, 0.5, 0.25], [1.0, 0.2, 0.5, 0.25], [-1.0, 5.0, 0.0, 0.0]]


@pytest.fixture(autouse=True)
def _reset_warnings():
    search._warn_once.cache_clear()


def make_context(question=None):
    """Make a request's context as the pipeline does, after our processor saw the question."""
    context = RequestContext("id", datetime.now(timezone.utc), "default")
    if question is not None:
        about = QueryContext.from_request_context(context, question, 5)
        result = asyncio.run(S3VectorsQuestion().process(question, None, about))
        assert (result.action, result.query, result.filters) == ("allow", None, None)
    return context


def create_provider(mode="hybrid", **settings):
    provider = providers.create_provider(s3vectors_search_mode=mode, **settings)
    provider.insert(FAR, TEXTS, ids=["machine", "write", "tank"])
    providers.wait_until_active(provider)
    return provider


def get_ids(results):
    return [result["id"] for result in results]


def test_only_hybrid_search_finds_exact_words():
    """The embedding of a part number has no meaning; its letters have."""
    hybrid, vector = create_provider(), create_provider("vector")

    assert get_ids(vector.search(QUESTION, 2, context=make_context(WORDS))) == ["machine", "write"]
    assert "tank" in get_ids(hybrid.search(QUESTION, 2, context=make_context(WORDS)))


def test_the_best_result_has_the_score_of_the_nearest():
    """Each other score is its share of the best result's fused score."""
    hybrid = create_provider()

    results = hybrid.search(QUESTION, 3, context=make_context(WORDS))

    [nearest] = hybrid.search(QUESTION, 1)
    scores = [result["score"] for result in results]
    assert scores[0] == nearest["score"] < 1
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0]


def test_scores_are_low_when_nothing_fits():
    """They are as low as in a search by vector."""
    results = create_provider().search(
        [0.0, 0.0, -1.0, 0.05], 3, context=make_context("swallows in summer")
    )

    assert len(results) == 3
    assert max(result["score"] for result in results) < 0.1


def test_more_results_change_neither_the_first_ones_nor_their_scores():
    """Rankings are fused to the same depth for any top_k."""
    provider = create_provider()
    provider.insert(
        providers.create_vectors(60), [f"error {'code ' * (n % 7)}{n}" for n in range(60)]
    )

    def ask(top_k):
        results = provider.search(QUESTION, top_k, context=make_context("error code 7 12 33"))
        assert len(results) == top_k
        return [(result["id"], result["score"]) for result in results]

    thirty = ask(30)
    for top_k in (1, 3, 5, 15):
        assert ask(top_k) == thirty[:top_k]


def test_a_result_that_only_matches_words_does_not_lower_the_other_scores():
    """It has no distance; the nearest is one of the results that have a distance."""
    provider = create_provider()
    provider.insert([QUESTION] * 40, ["unlike"] * 40)

    results = provider.search(QUESTION, 5, context=make_context(WORDS))

    assert "tank" in get_ids(results)
    assert results[0]["score"] == pytest.approx(1, abs=1e-5)


def test_pages_share_the_best_score():
    """The best score counts for all pages of 100."""
    provider = create_provider()
    provider.insert(providers.create_vectors(250), [f"error {n}" for n in range(250)])

    results = provider.search(QUESTION, 240, context=make_context(WORDS))

    scores = [result["score"] for result in results]
    assert len(scores) == 240
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_filters_apply_to_hybrid_search():
    """So do namespaces and soft delete."""
    provider = create_provider()
    provider.insert([QUESTION], ["XK-4471 in another house"], namespace="other")
    provider.update_status(["tank"], "default", "deleting")

    results = get_ids(
        provider.search(QUESTION, 5, namespace="default", context=make_context(WORDS))
    )

    assert sorted(results) == ["machine", "write"]


@pytest.mark.parametrize("question", [None, "", "  \n"])
def test_without_words_hybrid_search_uses_the_vector_only(question):
    """Document discovery runs no query processors."""
    results = create_provider().search(QUESTION, 1, context=make_context(question))

    assert get_ids(results) == ["machine"]
    assert create_provider().search(QUESTION, 1) == results


def test_summaries_and_insights_can_be_searched_in_hybrid_mode():
    """search_insights runs the processors; summaries are searched by vector."""
    provider = create_provider()
    provider.insert(
        [QUESTION] * 2, ["sum", "XK-4471"], [{"_type": "document_summary"}, {"_type": "insight"}]
    )

    [summary] = provider.search_summaries(QUESTION, 5, context=make_context(WORDS))
    [insight] = provider.search(
        QUESTION, 5, filter={"_type": "insight"}, context=make_context(WORDS)
    )

    assert (summary["text"], insight["text"]) == ("sum", "XK-4471")


def test_an_index_without_text_search_is_searched_by_vector_and_logged_once(caplog):
    """The older package created such indexes; the log says what to do."""
    provider = providers.create_provider(s3vectors_search_mode="hybrid")
    providers.create_older_index(provider)
    provider.insert(FAR, TEXTS, ids=["machine", "write", "tank"])

    for _ in range(2):
        assert get_ids(provider.search(QUESTION, 1, context=make_context(WORDS))) == ["machine"]

    assert caplog.text.count("my-bucket/documents has no text search on 'text'") == 1


def test_a_text_search_that_is_building_is_used_when_it_is_ready(caplog, monkeypatch):
    """The index is described again after a while, not at every search."""
    provider = create_provider()
    ready = provider._index.describe_or_create()
    building = {**ready.text_searches, "text": "BUILDING"}
    provider._index._state.description = type(ready)(**{**vars(ready), "text_searches": building})
    seen = providers.record_calls(provider.client)

    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS", float("inf"))
    for _ in range(2):
        assert get_ids(provider.search(QUESTION, 1, context=make_context(WORDS))) == ["machine"]
    assert caplog.text.count("is BUILDING its text search: searching by vector only") == 1
    assert "GetIndex" not in seen

    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS", 0)
    assert "tank" in get_ids(provider.search(QUESTION, 2, context=make_context(WORDS)))
    assert seen.count("GetIndex") == 1


def test_a_search_works_after_the_text_search_is_deleted(caplog):
    """Somebody deletes its configuration; the next search notices."""
    provider = create_provider()
    provider.client.update_metadata_configuration(
        vectorBucketName="my-bucket",
        indexName="documents",
        delete={"textSearchConfigurations": [{"metadataKey": "text"}]},
    )

    assert get_ids(provider.search(QUESTION, 1, context=make_context(WORDS))) == ["machine"]
    assert "has no text search on 'text'" in caplog.text


def test_a_refusal_for_another_reason_is_an_error():
    """The index has text search; a search by vector would hide the reason."""
    provider = create_provider()
    refusal = providers.HttpResponse(
        400, {"x-amzn-errortype": "ValidationException"}, b'{"message":"for another reason"}'
    )
    providers.set_responses(provider.client, "QueryVectors", refusal)

    with pytest.raises(RejectedError, match="for another reason"):
        provider.search(QUESTION, 1, context=make_context(WORDS))


def test_a_response_without_scores_is_an_error():
    """The provider never invents a score."""
    provider = create_provider()
    provider.client.meta.events.register(
        "after-call.s3vectors.QueryVectors",
        lambda parsed, **_: [vector.pop("scores") for vector in parsed["vectors"]],
    )

    with pytest.raises(S3VectorsError, match="returned no score for '"):
        provider.search(QUESTION, 1, context=make_context(WORDS))


def test_text_search_that_was_added_is_noticed_after_a_while(monkeypatch):
    """The index is not described at every search."""
    monkeypatch.setattr(
        "stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", float("inf")
    )
    provider = providers.create_provider(s3vectors_search_mode="hybrid")
    names = providers.create_older_index(provider)
    provider.insert(FAR, TEXTS, ids=["machine", "write", "tank"])
    provider.search(QUESTION, 1, context=make_context(WORDS))
    texts = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    provider.client.update_metadata_configuration(**names, add=texts)

    seen = providers.record_calls(provider.client)
    provider.search(QUESTION, 1, context=make_context(WORDS))
    assert "GetIndex" not in seen

    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 0)
    providers.wait_until_active(providers.create_provider(s3vectors_endpoint_url="local:"))
    assert "tank" in get_ids(provider.search(QUESTION, 2, context=make_context(WORDS)))


def test_when_the_index_cannot_be_described_the_search_uses_the_vector_only(monkeypatch):
    """A search does not fail because its text search is unknown."""
    provider = providers.create_provider(s3vectors_search_mode="hybrid", s3vectors_max_attempts=1)
    providers.create_older_index(provider)
    provider.insert(FAR, TEXTS, ids=["machine", "write", "tank"])
    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 0)
    providers.fail_calls(provider.client, "GetIndex", *range(1, 9))

    assert get_ids(provider.search(QUESTION, 1, context=make_context(WORDS))) == ["machine"]


def test_the_words_of_a_context_count_for_one_search():
    """Another search with the same context has another purpose."""
    provider, same = create_provider(), make_context(WORDS)

    assert "tank" in get_ids(provider.search(QUESTION, 2, context=same))
    assert "tank" not in get_ids(provider.search(QUESTION, 2, context=same))


def test_an_index_created_in_a_classic_bucket_has_no_text_search(caplog):
    """Such buckets are from before 2026-09-30; text search needs ENHANCED mode."""
    providers.open_engine("local:", bucket_mode="classic")
    provider = create_provider()

    assert get_ids(provider.search(QUESTION, 1, context=make_context(WORDS))) == ["machine"]
    assert "bucket my-bucket creates CLASSIC indexes: documents gets no text search" in caplog.text
    assert (
        provider.get_collection_info().items() >= {"indexMode": "CLASSIC", "textSearch": {}}.items()
    )


def test_an_index_created_on_first_use_has_text_search():
    """It also has the keys that cannot be added later."""
    provider = providers.create_provider()

    info = provider.get_collection_info()

    assert set(info["textSearch"]) == {"text"}
    assert info["nonFilterableMetadataKeys"] == ["_overflow", "text"]


@pytest.mark.parametrize("language, languages", [("de", {"text": "de"}), (None, {})])
def test_the_language_setting_lets_hybrid_search_find_word_forms(language, languages):
    """It applies to an index that is created on first use."""
    provider = providers.create_provider(
        s3vectors_search_mode="hybrid", s3vectors_text_language=language
    )
    provider.insert(FAR, ["Der See", "Die Wiese", "Die Häuser"], ids=["lake", "meadow", "houses"])
    providers.wait_until_active(provider)

    results = get_ids(provider.search(FAR[0], 2, context=make_context("Haus")))

    assert ("houses" in results) is bool(language)
    assert provider.get_collection_info()["textLanguages"] == languages


def test_hybrid_search_finds_words_in_other_keys(caplog):
    """The index has text search on file names and titles."""
    keys = "filename, title"
    provider = providers.create_provider(s3vectors_search_mode="hybrid", s3vectors_text_keys=keys)
    names = [{"filename": "coffee.pdf"}, {"filename": "errors.md"}, {"filename": "XK-4471.pdf"}]
    provider.insert(FAR, ["same", "same", "same"], names, ids=["machine", "write", "tank"])
    providers.wait_until_active(provider)

    results = provider.search(QUESTION, 2, context=make_context(WORDS))

    assert "tank" in get_ids(results)
    assert "has no text search" not in caplog.text


def test_a_key_without_text_search_is_left_out(caplog):
    """The other keys are searched; the log says so once."""
    create_provider()
    provider = providers.create_provider(
        s3vectors_search_mode="hybrid", s3vectors_text_keys="filename"
    )

    for _ in range(2):
        assert "tank" in get_ids(provider.search(QUESTION, 2, context=make_context(WORDS)))

    message = "has no text search on 'filename': searching without it"
    assert caplog.text.count(message) == 1
    assert "on 'text'" not in caplog.text


@pytest.mark.parametrize("quotes", ['"{}"', "“{}”", "„{}“"])
def test_a_quoted_phrase_must_be_in_the_text(quotes):
    """The search requests more results and returns those that contain the phrase."""
    provider = create_provider()
    provider.insert([QUESTION] * 50, ["The tank of the water machine"] * 50)

    results = provider.search(
        QUESTION, 3, context=make_context("Where is the " + quotes.format("Water  tank") + "?")
    )

    assert get_ids(results) == ["tank"]
    assert 0 < results[0]["score"] < 1


def test_a_quoted_phrase_that_no_result_contains_is_searched_as_words():
    """Otherwise there would be no result."""
    provider = create_provider()

    plain = provider.search(QUESTION, 3, context=make_context("an error code"))

    assert provider.search(QUESTION, 3, context=make_context('"an error" "code an"')) == plain


def make_words(first, end):
    return " ".join(f"w{number}" for number in range(first, end))


@pytest.mark.parametrize(
    "question, expected",
    [
        ("short", "short"),
        ("a" * 1024, "a" * 1024),
        ("a" * 1025, "a" * 1024),
        ("word " * 300, "word"),
        ("Where, oh where? " * 90 + "is it: HERE", "oh where? is it: HERE"),
        (make_words(100, 1000), f"{make_words(100, 203)} {make_words(898, 1000)}"),
        ("a" * 1016 + " bcde fgh", "bcde fgh"),
        ("a" * 1015 + " bcde fgh", "a" * 1015 + " bcde fgh"),
        ("why " + "a" * 1016 + " bcde", "why bcde"),
        ("b " * 20 + "a" * 1015 + " bcde fgh", "b bcde fgh"),
        ("\U0001f600" * 600, "\U0001f600" * 512),
        ("half \ud83d pair", "half ? pair"),
        ("\n" * 1100 + "words", "words"),
    ],
    ids=[
        "short",
        "full",
        "one word",
        "one word again and again",
        "words again and again",
        "both ends",
        "a word that does not fit",
        "just fits",
        "a long word between two",
        "a long word after another",
        "emoji",
        "surrogate",
        "space",
    ],
)
def test_a_long_question_keeps_its_beginning_and_its_end(question, expected):
    """Each word counts once; the limit of 1,024 holds in characters and in UTF-16 units."""
    assert shorten_question(question) == expected


def test_the_log_reports_a_shortened_question_once_without_its_text(caplog):
    """Questions are private."""
    provider = create_provider()
    texts = []
    provider.client.meta.events.register(
        "provide-client-params.s3vectors.QueryVectors",
        lambda params, **_: texts.append(params["queryTexts"][0]["text"]),
    )
    long = f"secret {make_words(100, 1000)} {WORDS}"

    for _ in range(2):
        assert "tank" in get_ids(provider.search(QUESTION, 2, context=make_context(long)))

    assert all(text.startswith("secret w100") and text.endswith(WORDS) for text in texts)
    assert caplog.text.count("longer than 1,024 characters") == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("context_kind", [None, "context"])
def test_a_question_to_stache_s_pipeline_is_searched_by_vector_and_words(context_kind, monkeypatch):
    """It passes embedding, processor, provider and service, with a context or without."""
    environment = {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET_NAME": "my-bucket",
        "S3VECTORS_ENDPOINT_URL": "local:",
        "S3VECTORS_DOCUMENTS_INDEX": "documents",
        "S3VECTORS_SEARCH_MODE": "hybrid",
        "EMBEDDING_PROVIDER": "word-hashing",
        "EMBEDDING_DIMENSION": "1024",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pipeline = quickstart.make_pipeline()
    provider = pipeline.documents_provider
    provider.insert([pipeline.embedding_provider.embed(text) for text in TEXTS], TEXTS)
    providers.wait_until_active(provider)
    texts = []
    provider.client.meta.events.register(
        "provide-client-params.s3vectors.QueryVectors",
        lambda params, **_: texts.append(params.get("queryTexts")),
    )

    answer = asyncio.run(
        pipeline.query(WORDS, top_k=1, synthesize=False, context=context_kind and make_context())
    )

    assert texts == [[{"metadataKey": "text", "text": WORDS}]]
    assert answer["sources"][0]["text"] == TEXTS[2]
    assert 0 < answer["sources"][0]["score"] < 1


def test_stache_finds_the_processor_and_runs_it_last():
    """It sees what other processors change in the question."""
    assert get_providers("query_processor")["s3vectors"] is S3VectorsQuestion
    assert S3VectorsQuestion.priority > 100_000


@pytest.mark.parametrize("context_kind", [None, object(), {"custom": {}}, RequestContext])
def test_a_context_of_another_kind_has_no_words(context_kind):
    """A caller may pass any object."""
    assert take_question(context_kind) is None


def test_words_are_stored_under_a_name_of_their_own():
    """Other middleware stores its own names in the same dictionary."""
    custom = {"Other.key": 1}
    put_question(WORDS, custom)

    assert list(custom) == ["Other.key", "stache_ai_s3vectors.question"]


def test_the_log_reports_distances_and_scores(caplog):
    """At level debug it has them for each result, but never the words."""
    caplog.set_level(logging.DEBUG, "stache_ai_s3vectors")

    create_provider().search(QUESTION, 3, context=make_context(WORDS))

    assert "search on my-bucket/documents: 3 of 3 found" in caplog.text
    [line] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("scores on")]
    assert re.search(r"scores on my-bucket/documents: .*tank distance [\d.]+, fused [\d.]+", line)
    assert re.search(r"tank [^;]*, bm25 text [\d.]+", line)
    assert "machine distance" in line
    assert "XK-4471" not in caplog.text
