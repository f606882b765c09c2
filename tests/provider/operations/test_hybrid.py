"""Hybrid search: the question's words, from Stache's pipeline to the service."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import datetime, timezone

import pytest
from stache_ai.middleware.context import QueryContext, RequestContext
from stache_ai.providers.plugin_loader import get_providers

import quickstart
import stache
from stache_ai_s3vectors import RejectedError, S3VectorsError
from stache_ai_s3vectors.operations import search
from stache_ai_s3vectors.operations.query_text import put_question, shorten_question, take_question
from stache_ai_s3vectors.plugins.query_processor import S3VectorsQuestion

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
def _warnings_come_again():
    search._warn_once.cache_clear()


def context(question=None):
    """A request's context as the pipeline makes it, after our processor saw the question."""
    made = RequestContext("id", datetime.now(timezone.utc), "default")
    if question is not None:
        about = QueryContext.from_request_context(made, question, 5)
        result = asyncio.run(S3VectorsQuestion().process(question, None, about))
        assert (result.action, result.query, result.filters) == ("allow", None, None)
    return made


def provider(mode="hybrid", **settings):
    made = stache.provider(s3vectors_search_mode=mode, **settings)
    made.insert(FAR, TEXTS, ids=["machine", "write", "tank"])
    until_active(made)
    return made


def until_active(made):
    """Wait for the engine, which builds for a moment, also an empty index."""
    for _ in range(100_000):
        if "BUILDING" not in made.get_collection_info()["textSearch"].values():
            return
    raise AssertionError("it is still BUILDING")


def ids(results):
    return [result["id"] for result in results]


def test_exact_words_are_found_by_hybrid_search_only():
    """The embedding of a part number says nothing; its letters do."""
    hybrid, vector = provider(), provider("vector")

    assert ids(vector.search(QUESTION, 2, context=context(WORDS))) == ["machine", "write"]
    assert "tank" in ids(hybrid.search(QUESTION, 2, context=context(WORDS)))


def test_the_best_result_has_the_score_of_the_nearest():
    """And the others the share that they have of the best one's fused score."""
    hybrid = provider()

    results = hybrid.search(QUESTION, 3, context=context(WORDS))

    [nearest] = hybrid.search(QUESTION, 1)
    scores = [result["score"] for result in results]
    assert scores[0] == nearest["score"] < 1
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0]


def test_scores_are_low_when_nothing_fits():
    """As low as in a search by vector."""
    results = provider().search([0.0, 0.0, -1.0, 0.05], 3, context=context("swallows in summer"))

    assert len(results) == 3
    assert max(result["score"] for result in results) < 0.1


def test_more_results_change_neither_the_first_ones_nor_their_scores():
    """Rankings are fused to the same depth."""
    made = provider()
    made.insert(stache.vectors(60), [f"error {'code ' * (n % 7)}{n}" for n in range(60)])

    def ask(top_k):
        found = made.search(QUESTION, top_k, context=context("error code 7 12 33"))
        assert len(found) == top_k
        return [(result["id"], result["score"]) for result in found]

    thirty = ask(30)
    for top_k in (1, 3, 5, 15):
        assert ask(top_k) == thirty[:top_k]


def test_a_result_that_only_its_words_brought_does_not_lower_the_others():
    """It has no distance; the nearest is measured among those that have."""
    made = provider()
    made.insert([QUESTION] * 40, ["unlike"] * 40)

    results = made.search(QUESTION, 5, context=context(WORDS))

    assert "tank" in ids(results)
    assert results[0]["score"] == pytest.approx(1, abs=1e-5)


def test_pages_share_the_best_score():
    """One of several pages of 100."""
    made = provider()
    made.insert(stache.vectors(250), [f"error {n}" for n in range(250)])

    results = made.search(QUESTION, 240, context=context(WORDS))

    scores = [result["score"] for result in results]
    assert len(scores) == 240
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_filters_hold_in_hybrid_search():
    """Namespaces and soft delete, too."""
    made = provider()
    made.insert([QUESTION], ["XK-4471 in another house"], namespace="other")
    made.update_status(["tank"], "default", "deleting")

    found = ids(made.search(QUESTION, 5, namespace="default", context=context(WORDS)))

    assert sorted(found) == ["machine", "write"]


@pytest.mark.parametrize("question", [None, "", "  \n"])
def test_without_words_the_vector_is_enough(question):
    """Document discovery runs no query processors."""
    results = provider().search(QUESTION, 1, context=context(question))

    assert ids(results) == ["machine"]
    assert provider().search(QUESTION, 1) == results


def test_summaries_and_insights_are_found_as_before():
    """search_insights runs the processors; summaries are searched by vector."""
    made = provider()
    made.insert(
        [QUESTION] * 2, ["sum", "XK-4471"], [{"_type": "document_summary"}, {"_type": "insight"}]
    )

    [summary] = made.search_summaries(QUESTION, 5, context=context(WORDS))
    [insight] = made.search(QUESTION, 5, filter={"_type": "insight"}, context=context(WORDS))

    assert (summary["text"], insight["text"]) == ("sum", "XK-4471")


def test_an_index_without_text_search_is_searched_by_vector_and_that_is_said_once(caplog):
    """The older package made such; the log says what to do."""
    made = stache.provider(s3vectors_search_mode="hybrid")
    stache.older_index(made)
    made.insert(FAR, TEXTS, ids=["machine", "write", "tank"])

    for _ in range(2):
        assert ids(made.search(QUESTION, 1, context=context(WORDS))) == ["machine"]

    assert caplog.text.count("my-bucket/documents has no text search on 'text'") == 1


def test_a_text_search_that_is_building_is_used_when_it_is_ready(caplog, monkeypatch):
    """The index is asked again after a while, not at every search."""
    made = provider()
    ready = made._index.describe()
    building = {**ready.text_searches, "text": "BUILDING"}
    made._index._state.description = type(ready)(**{**vars(ready), "text_searches": building})
    seen = stache.calls(made.client)

    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS", float("inf"))
    for _ in range(2):
        assert ids(made.search(QUESTION, 1, context=context(WORDS))) == ["machine"]
    assert caplog.text.count("is BUILDING its text search: searching by vector only") == 1
    assert "GetIndex" not in seen

    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS", 0)
    assert "tank" in ids(made.search(QUESTION, 2, context=context(WORDS)))
    assert seen.count("GetIndex") == 1


def test_text_search_that_is_gone_is_done_without(caplog):
    """Somebody deleted its configuration; the next search notices."""
    made = provider()
    made.client.update_metadata_configuration(
        vectorBucketName="my-bucket",
        indexName="documents",
        delete={"textSearchConfigurations": [{"metadataKey": "text"}]},
    )

    assert ids(made.search(QUESTION, 1, context=context(WORDS))) == ["machine"]
    assert "has no text search on 'text'" in caplog.text


def test_what_is_refused_for_another_reason_is_an_error():
    """Text search is there; to search without it would hide the reason."""
    made = provider()
    refusal = stache.Answer(
        400, {"x-amzn-errortype": "ValidationException"}, b'{"message":"for another reason"}'
    )
    stache.answering(made.client, "QueryVectors", refusal)

    with pytest.raises(RejectedError, match="for another reason"):
        made.search(QUESTION, 1, context=context(WORDS))


def test_an_answer_without_scores_is_an_error():
    """A score is never made up."""
    made = provider()
    made.client.meta.events.register(
        "after-call.s3vectors.QueryVectors",
        lambda parsed, **_: [found.pop("scores") for found in parsed["vectors"]],
    )

    with pytest.raises(S3VectorsError, match="returned no score of '"):
        made.search(QUESTION, 1, context=context(WORDS))


def test_text_search_that_was_added_is_noticed_after_a_while(monkeypatch):
    """Not at every search."""
    monkeypatch.setattr(
        "stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", float("inf")
    )
    made = stache.provider(s3vectors_search_mode="hybrid")
    names = stache.older_index(made)
    made.insert(FAR, TEXTS, ids=["machine", "write", "tank"])
    made.search(QUESTION, 1, context=context(WORDS))
    texts = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    made.client.update_metadata_configuration(**names, add=texts)

    seen = stache.calls(made.client)
    made.search(QUESTION, 1, context=context(WORDS))
    assert "GetIndex" not in seen

    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 0)
    until_active(stache.provider(s3vectors_endpoint_url="local:"))
    assert "tank" in ids(made.search(QUESTION, 2, context=context(WORDS)))


def test_when_the_index_cannot_be_asked_the_vector_is_enough(monkeypatch):
    """A look at its text search is no reason for a search to fail."""
    made = stache.provider(s3vectors_search_mode="hybrid", s3vectors_max_attempts=1)
    stache.older_index(made)
    made.insert(FAR, TEXTS, ids=["machine", "write", "tank"])
    monkeypatch.setattr("stache_ai_s3vectors.aws.vector_index.REFRESH_SECONDS_WITHOUT", 0)
    stache.failing(made.client, "GetIndex", *range(1, 9))

    assert ids(made.search(QUESTION, 1, context=context(WORDS))) == ["machine"]


def test_words_are_for_one_search():
    """Another one with the same context is about something else."""
    made, same = provider(), context(WORDS)

    assert "tank" in ids(made.search(QUESTION, 2, context=same))
    assert "tank" not in ids(made.search(QUESTION, 2, context=same))


def test_a_bucket_of_classic_indexes_gets_one_without_text_search(caplog):
    """Made before 2026-09-30 and not switched; text search needs ENHANCED."""
    stache.engine("local:", bucket_mode="classic")
    made = provider()

    assert ids(made.search(QUESTION, 1, context=context(WORDS))) == ["machine"]
    assert "bucket my-bucket creates CLASSIC indexes: documents gets no text search" in caplog.text
    assert made.get_collection_info().items() >= {"indexMode": "CLASSIC", "textSearch": {}}.items()


def test_an_index_made_on_first_use_has_text_search():
    """And the keys that cannot be added later."""
    made = stache.provider()

    told = made.get_collection_info()

    assert set(told["textSearch"]) == {"text"}
    assert told["nonFilterableMetadataKeys"] == ["_overflow", "text"]


@pytest.mark.parametrize("language, told", [("de", {"text": "de"}), (None, {})])
def test_word_forms_are_found_in_the_language_of_the_setting(language, told):
    """In an index that is made on first use; without a language they are not."""
    made = stache.provider(s3vectors_search_mode="hybrid", s3vectors_text_language=language)
    made.insert(FAR, ["Der See", "Die Wiese", "Die Häuser"], ids=["lake", "meadow", "houses"])
    until_active(made)

    found = ids(made.search(FAR[0], 2, context=context("Haus")))

    assert ("houses" in found) is bool(language)
    assert made.get_collection_info()["textLanguages"] == told


def test_words_are_found_in_other_keys_too(caplog):
    """File names and titles, where the index has text search on them."""
    keys = "filename, title"
    made = stache.provider(s3vectors_search_mode="hybrid", s3vectors_text_keys=keys)
    names = [{"filename": "coffee.pdf"}, {"filename": "errors.md"}, {"filename": "XK-4471.pdf"}]
    made.insert(FAR, ["same", "same", "same"], names, ids=["machine", "write", "tank"])
    until_active(made)

    found = made.search(QUESTION, 2, context=context(WORDS))

    assert "tank" in ids(found)
    assert "has no text search" not in caplog.text


def test_a_key_without_text_search_is_left_out(caplog):
    """The others are searched, and that is logged once."""
    provider()
    made = stache.provider(s3vectors_search_mode="hybrid", s3vectors_text_keys="filename")

    for _ in range(2):
        assert "tank" in ids(made.search(QUESTION, 2, context=context(WORDS)))

    message = "has no text search on 'filename': searching without it"
    assert caplog.text.count(message) == 1
    assert "on 'text'" not in caplog.text


@pytest.mark.parametrize("quotes", ['"{}"', "“{}”", "„{}“"])
def test_a_quoted_phrase_must_be_in_the_text(quotes):
    """Of more results than were asked for, those that hold it are left."""
    made = provider()
    made.insert([QUESTION] * 50, ["The tank of the water machine"] * 50)

    found = made.search(
        QUESTION, 3, context=context("Where is the " + quotes.format("Water  tank") + "?")
    )

    assert ids(found) == ["tank"]
    assert 0 < found[0]["score"] < 1


def test_a_quoted_phrase_that_no_result_holds_is_words():
    """Rather than no answer."""
    made = provider()

    plain = made.search(QUESTION, 3, context=context("an error code"))

    assert made.search(QUESTION, 3, context=context('"an error" "code an"')) == plain


def numbered(first, end):
    return " ".join(f"w{number}" for number in range(first, end))


@pytest.mark.parametrize(
    "question, expected",
    [
        ("short", "short"),
        ("a" * 1024, "a" * 1024),
        ("a" * 1025, "a" * 1024),
        ("word " * 300, "word"),
        ("Where, oh where? " * 90 + "is it: HERE", "oh where? is it: HERE"),
        (numbered(100, 1000), f"{numbered(100, 203)} {numbered(898, 1000)}"),
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
    """Words once each; 1,024 characters, whichever way characters are counted."""
    assert shorten_question(question) == expected


def test_the_log_names_a_shortened_question_once_without_its_text(caplog):
    """Questions are nobody's business."""
    made = provider()
    asked = []
    made.client.meta.events.register(
        "provide-client-params.s3vectors.QueryVectors",
        lambda params, **_: asked.append(params["queryTexts"][0]["text"]),
    )
    long = f"secret {numbered(100, 1000)} {WORDS}"

    for _ in range(2):
        assert "tank" in ids(made.search(QUESTION, 2, context=context(long)))

    assert all(text.startswith("secret w100") and text.endswith(WORDS) for text in asked)
    assert caplog.text.count("longer than 1,024 characters") == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("given", [None, "context"])
def test_a_question_to_stache_s_pipeline_is_searched_by_both(given, monkeypatch):
    """The whole way, with a context or without: embedding, processor, provider, service."""
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
    made = pipeline.documents_provider
    made.insert([pipeline.embedding_provider.embed(text) for text in TEXTS], TEXTS)
    until_active(made)
    asked = []
    made.client.meta.events.register(
        "provide-client-params.s3vectors.QueryVectors",
        lambda params, **_: asked.append(params.get("queryTexts")),
    )

    found = asyncio.run(
        pipeline.query(WORDS, top_k=1, synthesize=False, context=given and context())
    )

    assert asked == [[{"metadataKey": "text", "text": WORDS}]]
    assert found["sources"][0]["text"] == TEXTS[2]
    assert 0 < found["sources"][0]["score"] < 1


def test_stache_finds_the_processor_and_runs_it_last():
    """So that it sees what other processors made of the question."""
    assert get_providers("query_processor")["s3vectors"] is S3VectorsQuestion
    assert S3VectorsQuestion.priority > 100_000


@pytest.mark.parametrize("given", [None, object(), {"custom": {}}, RequestContext])
def test_a_context_of_another_kind_has_no_words(given):
    """Whatever a caller hands over."""
    assert take_question(given) is None


def test_words_travel_under_a_name_of_their_own():
    """Other middleware has its own names in the same place."""
    custom = {"Other.key": 1}
    put_question(WORDS, custom)

    assert list(custom) == ["Other.key", "stache_ai_s3vectors.question"]


def test_the_log_says_how_it_was_searched(caplog):
    """At level debug; never the words."""
    caplog.set_level(logging.DEBUG, "stache_ai_s3vectors")

    provider().search(QUESTION, 3, context=context(WORDS))

    assert "search on my-bucket/documents: 3 of 3 found" in caplog.text
    [line] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("scores on")]
    assert re.search(r"scores on my-bucket/documents: .*tank distance [\d.]+, fused [\d.]+", line)
    assert re.search(r"tank [^;]*, bm25 text [\d.]+", line)
    assert "machine distance" in line
    assert "XK-4471" not in caplog.text
