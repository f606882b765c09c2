"""Full text: terms, rankings, fusion, and text searches that are added and deleted."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local import Engine, connect
from s3vectors_local.engine import builder
from s3vectors_local.text import RRF_K, get_analyzer
from support.endpoints import create_client

NAMES = {"vectorBucketName": "my-bucket", "indexName": "my-index"}
TEXTS = {
    "fox": "The quick brown fox jumps over the lazy dog",
    "dogs": "Dogs, dogs and more dogs",
    "cat": "A cat sleeps all day",
}


def create_index(client, *configurations):
    """Create an index with these text searches; `text` is non-filterable."""
    client.create_vector_bucket(vectorBucketName="my-bucket")
    metadata = {"nonFilterableMetadataKeys": ["text"], "textSearchConfigurations": configurations}
    client.create_index(
        **NAMES,
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
        metadataConfiguration=metadata,
    )


def put(client, texts, **more):
    vectors = [
        {"key": key, "data": {"float32": [1, n]}, "metadata": {"text": text, **more}}
        for n, (key, text) in enumerate(texts.items())
    ]
    client.put_vectors(**NAMES, vectors=vectors)


def list_configurations(client):
    metadata = client.get_index(**NAMES)["index"].get("metadataConfiguration", {})
    return metadata.get("textSearchConfigurations", [])


def finish_building(client):
    """Query until every text search is ACTIVE; the builder runs between queries."""
    while any(entry["status"] == "BUILDING" for entry in list_configurations(client)):
        pass


def ask(client, text, key="text", top_k=10, **request):
    texts = [{"metadataKey": key, "text": text}]
    return client.query_vectors(**NAMES, topK=top_k, queryTexts=texts, **request)


def list_keys(response):
    return [vector["key"] for vector in response["vectors"]]


@pytest.fixture
def searchable(client):
    """Return a client whose index has the three texts, searchable in English."""
    create_index(client, {"metadataKey": "text", "language": "en"})
    finish_building(client)
    put(client, TEXTS, kind="animal")
    return client


def create_table(analyzer, text):
    """Return a database with a text, as in the text table of an index."""
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE VIRTUAL TABLE t USING fts5(terms, tokenize='{analyzer.tokenizer}')")
    db.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    db.execute("INSERT INTO t VALUES (?)", (analyzer.prepare(text),))
    return closing(db)


def list_terms(language, text, kind="uax29"):
    """Return the terms that SQLite stores for a text, in order."""
    with create_table(get_analyzer(language, kind), text) as db:
        results = [term for (term,) in db.execute("SELECT term FROM v ORDER BY offset")]
    # Signs inside words are stored as private-use characters
    return [term.translate({0xE000 + code: code for code in range(128)}) for term in results]


@pytest.mark.parametrize("kind", ["uax29", "words"])
@pytest.mark.parametrize(
    "language, text, expected",
    [
        (None, "PANIC: 42°C!", ["panic", "42", "c"]),
        (None, "Straße ﬁne Ä/b", ["strasse", "fine", "ä", "b"]),
        (None, "日本語 text ひらがな", ["日", "本", "語", "text", "ひ", "ら", "が", "な"]),
        (None, "한국어 텍스트", ["한국어", "텍스트"]),
        (None, "हिन्दी में", ["हिन्दी", "में"]),
        (None, "ภาษาไทย", ["ภาษาไทย"]),
        ("en", "Running dogs easily connected", ["run", "dog", "easili", "connect"]),
        ("en", "Naïve RUNNERS’ cafés", ["naïv", "runner", "café"]),
        ("fr", "les chevaux mangeaient", ["le", "cheval", "mang"]),
        ("es", "bibliotecas corriendo", ["bibliotec", "corr"]),
        ("pt", "meninas correndo", ["menin", "corr"]),
        ("it", "le ragazze mangiavano", ["le", "ragazz", "mang"]),
        ("de", "Die Häuser der Straßen", ["die", "haus", "der", "strass"]),
        ("nl", "de fietsen kinderen", ["de", "fiets", "kinder"]),
        ("zh", "北京大学 MBA 课", ["北京", "京大", "大学", "学", "mba", "课"]),
        ("ja", "東京タワー・人々", ["東京", "京タ", "タワ", "ワー", "ー", "人々", "々"]),
        ("ko", "한국어", ["한국", "국어", "어"]),
        ("ko", "plain ascii", ["plain", "ascii"]),
        ("en", "", []),
        (None, "…!?", []),
        (None, "_ __ ___", []),
    ],
)
def test_a_text_becomes_the_terms_of_its_language(language, text, expected, kind):
    """They are stems in Europe, pairs in East Asia, else words and single ideographs."""
    assert list_terms(language, text, kind) == expected


@pytest.mark.parametrize(
    "language, text, uax29, words",
    [
        (None, "Don't PANIC", "don't panic", "don t panic"),
        (None, "os.path.join(a_b)", "os.path.join a_b", "os path join a b"),
        (None, "3.11.2, 1,000.", "3.11.2 1,000", "3 11 2 1 000"),
        (None, "john.doe@example.org", "john.doe example.org", "john doe example org"),
        (None, "v1.2-rc.3 e.g. C++", "v1.2 rc 3 e.g c", "v1 2 rc 3 e g c"),
        (None, "__init__ _x", "__init__ _x", "init x"),
        (None, "東京タワー", "東 京 タワー", "東 京 タ ワ ー"),
        (None, "it’s Ä.Ö", "it’s ä.ö", "it s ä ö"),
        ("en", "The dog's bone, don't", "the dog bone don't", "the dog s bone don t"),
        ("en", "The dog’s bones", "the dog bone", "the dog s bone"),
        ("fr", "l'avion qu’il aujourd'hui", "avion il aujourd'hui", "l avion qu il aujourd hui"),
        ("it", "dell'aereo un’altra", "aere altra", "dell aere un altra"),
        ("ja", "東京 os.path", "東京 京 os.path", "東京 京 os path"),
    ],
)
def test_words_are_a_choice(language, text, uax29, words):
    """They follow Lucene's standard tokenizer, or are letters and digits only."""
    stemmed = {"altra": "altra" if language is None else list_terms(language, "altra")[0]}
    assert list_terms(language, text) == [stemmed.get(word, word) for word in uax29.split()]
    assert list_terms(language, text, "words") == [
        stemmed.get(word, word) for word in words.split()
    ]


@given(
    st.text(max_size=30) | st.text("ab1._'’:,;\" 東ひア", max_size=15),
    st.sampled_from([None, "en", "de", "fr", "ja"]),
    st.sampled_from(["uax29", "words"]),
)
def test_a_query_has_the_terms_of_a_text(text, language, kind):
    """Each phrase of a query finds the text, and each term has one phrase."""
    analyzer = get_analyzer(language, kind)
    with create_table(analyzer, text) as db:
        results = [
            db.execute("SELECT count(*) FROM t WHERE t MATCH ?", (phrase,)).fetchone()
            for phrase in analyzer.parse_phrases(text)
        ]

    assert results == [(1,)] * len(results)
    assert len(results) == len(set(list_terms(language, text, kind))) or language == "ja"
    assert bool(results) == bool(list_terms(language, text, kind))


@pytest.mark.parametrize("kind", ["uax29", "words"])
@pytest.mark.parametrize("language", [None, "en", "de", "fr"])
def test_each_term_of_a_query_counts_once(language, kind):
    """A query may have several forms of a word, in each language with stems."""
    analyzer = get_analyzer(language, kind)
    forms = {None: "Train train", "en": "install installation", "de": "Haus Häuser"}

    assert len(analyzer.parse_phrases(forms.get(language, "cheval chevaux"))) == 1
    assert len(analyzer.parse_phrases("eins zwei Eins drei")) == 3


@pytest.mark.parametrize("kind", ["uax29", "words"])
@pytest.mark.parametrize(
    "language, run, characters",
    [
        ("zh", "北京大学", "北京大学"),
        ("ja", "東京タワー", "東京タワー"),
        ("ko", "한국어", "한국어"),
    ],
)
def test_a_single_east_asian_character_finds_itself_inside_a_longer_run(
    language, run, characters, kind
):
    """It is at the beginning, in the middle or at the end. Pairs only find texts with the pair."""
    analyzer = get_analyzer(language, kind)
    with create_table(analyzer, f"text {run}, text") as db:
        for character in characters:
            [phrase] = analyzer.parse_phrases(character)
            results = db.execute("SELECT count(*) FROM t WHERE t MATCH ?", (phrase,)).fetchone()
            assert results == (1,), character
        for phrase in analyzer.parse_phrases(characters[0] + characters[-1]):
            assert db.execute("SELECT * FROM t WHERE t MATCH ?", (phrase,)).fetchone() is None


def test_removing_stems_from_the_cache_changes_nothing(monkeypatch):
    """This happens when the cache is full."""
    before = list_terms("fr", "chevaux mangeaient livres")
    monkeypatch.setattr("s3vectors_local.text._MAX_CACHED", 1)

    after = list_terms("fr", "chevaux mangeaient livres jamais vus")

    assert after[:3] == before


def test_the_best_text_comes_first(searchable):
    """BM25 ranks. Texts without the words are not found, and results have no distance."""
    response = ask(searchable, "dog", returnDistance=True, returnScores=True)

    assert list_keys(response) == ["dogs", "fox"]
    assert response["distanceMetric"] == "cosine"
    for vector in response["vectors"]:
        assert vector.keys() == {"key", "scores"}
        assert vector["scores"].keys() == {"bm25Scores"}
    first, second = (vector["scores"]["bm25Scores"] for vector in response["vectors"])
    assert (first[0]["metadataKey"], first[0]["score"] > second[0]["score"] > 0) == ("text", True)


def test_a_rare_word_weighs_more_than_a_common_one(client):
    """The common word may be in half of the texts or more."""
    create_index(client, {"metadataKey": "text"})
    finish_building(client)
    texts = {"twice": "timeout timeout timeout", "rare": "E42 pump failure", "both": "timeout E42"}
    put(client, texts | {"once": "timeout"})

    results = ask(client, "timeout E42", returnScores=True)["vectors"]

    assert [vector["key"] for vector in results] == ["both", "rare", "twice", "once"]
    assert results[-1]["scores"]["bm25Scores"][0]["score"] > 0.1


def test_any_of_the_words_is_enough(searchable):
    """Quotes and operators of query languages are punctuation."""
    assert set(list_keys(ask(searchable, 'cats OR "foxes" NEAR(x) text:y *'))) == {"cat", "fox"}
    assert list_keys(ask(searchable, "zebra")) == []
    assert list_keys(ask(searchable, "?!")) == []


def test_a_query_can_have_the_maximum_number_of_words(searchable):
    """It is 512 different words in 1,024 characters."""
    words = " ".join(chr(0x4E00 + n) for n in range(511)) + " x"

    assert list_keys(ask(searchable, words)) == []


def test_a_filter_excludes_texts(searchable):
    """The filter precedes the ranking, so topK results are returned."""
    put(searchable, {"dogs": TEXTS["dogs"]}, kind="crowd")

    assert list_keys(ask(searchable, "dog", top_k=1, filter={"kind": "animal"})) == ["fox"]
    assert list_keys(ask(searchable, "dog", filter={"kind": {"$ne": "animal"}})) == ["dogs"]


def test_texts_follow_their_vectors_at_once(searchable):
    """Vectors are overwritten, deleted, put without the key, and put with another type."""
    put(searchable, {"cat": "A dog now"})
    assert set(list_keys(ask(searchable, "dog"))) == {"dogs", "fox", "cat"}
    assert list_keys(ask(searchable, "sleeps")) == []

    searchable.delete_vectors(**NAMES, keys=["dogs"])
    bare = {"key": "fox", "data": {"float32": [1, 0]}}
    searchable.put_vectors(**NAMES, vectors=[bare])
    assert list_keys(ask(searchable, "dog")) == ["cat"]

    searchable.put_vectors(**NAMES, vectors=[{**bare, "metadata": {"text": 7}}])
    assert list_keys(ask(searchable, "7")) == []


def test_overwriting_does_not_change_scores(searchable):
    """A replaced text no longer counts."""
    before = ask(searchable, "dog", returnScores=True)["vectors"]
    for _ in range(20):
        put(searchable, TEXTS)

    assert ask(searchable, "dog", returnScores=True)["vectors"] == before


def test_the_strings_of_an_array_are_searchable(searchable):
    put(searchable, {"cat": ["black cat", "white mouse"]})

    assert list_keys(ask(searchable, "mouse")) == ["cat"]


def test_hybrid_search_fuses_both_rankings(searchable):
    """The score is the reciprocal rank: 1 / (60 + rank) in each list."""
    response = ask(
        searchable,
        "lazy dog",
        queryVector={"float32": [1, 2]},
        returnScores=True,
        returnDistance=True,
    )

    # By vector: cat (1,2), dogs (1,1), fox (1,0); by text: fox, dogs
    fused = {v["key"]: v["scores"]["fused"] for v in response["vectors"]}
    assert fused == pytest.approx(
        {
            "fox": 1 / (RRF_K + 3) + 1 / (RRF_K + 1),
            "dogs": 1 / (RRF_K + 2) + 1 / (RRF_K + 2),
            "cat": 1 / (RRF_K + 1),
        }
    )
    assert list_keys(response) == ["fox", "dogs", "cat"]
    for vector in response["vectors"]:
        assert vector["scores"]["vectorDistance"] == vector["distance"]
    assert response["vectors"][2]["scores"]["bm25Scores"] == []


def test_a_hybrid_result_of_one_ranking_has_only_its_scores(searchable):
    """With topK 1, each ranking has one result."""
    query = {"queryVector": {"float32": [1, 2]}, "returnScores": True, "returnDistance": True}
    results = ask(searchable, "lazy", top_k=1, **query)["vectors"]

    # cat by vector, fox by text, equal scores: the one that was stored first
    assert [vector["key"] for vector in results] == ["fox"]
    assert results[0]["scores"].keys() == {"fused", "bm25Scores"}
    assert "distance" not in results[0]


def test_scores_of_a_vector_search_are_not_returned(searchable):
    """`returnScores` has no effect."""
    results = searchable.query_vectors(
        **NAMES, topK=1, queryVector={"float32": [1, 2]}, returnScores=True
    )

    assert results["vectors"] == [{"key": "cat"}]


def test_several_texts_without_a_vector_add_up(client):
    """They are ordered by the sum of their BM25 scores."""
    create_index(client, {"metadataKey": "text", "language": "en"}, {"metadataKey": "title"})
    finish_building(client)
    for number, (text, title) in enumerate([("dog", "a"), ("dog", "b"), ("cat", "b"), ("x", "y")]):
        metadata = {"text": text, "title": title}
        vector = {"key": str(number), "data": {"float32": [1, 1]}, "metadata": metadata}
        client.put_vectors(**NAMES, vectors=[vector])

    texts = [{"metadataKey": "text", "text": "cat"}, {"metadataKey": "title", "text": "b"}]
    results = client.query_vectors(**NAMES, topK=3, queryTexts=texts, returnScores=True)["vectors"]

    assert [vector["key"] for vector in results] == ["2", "1"]
    scores = {entry["metadataKey"] for entry in results[0]["scores"]["bm25Scores"]}
    assert scores == {"text", "title"}


@pytest.mark.parametrize("vector", [{}, {"queryVector": {"float32": [1, 2]}}])
def test_pages_of_a_text_search_do_not_overlap(client, vector):
    """Scores may be equal."""
    create_index(client, {"metadataKey": "text"})
    finish_building(client)
    put(client, {f"k{n}": "same words" for n in range(250)})

    results, token = [], {}
    while token is not None:
        page = ask(client, "words", top_k=230, **vector, **token)
        results += list_keys(page)
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else None

    assert len(results) == len(set(results)) == 230


@pytest.mark.parametrize(
    "texts, message",
    [
        ([{"metadataKey": "title", "text": "a"}], "'title' is not configured for text search"),
        ([{"metadataKey": "text", "text": "a"}] * 2, "can appear at most once"),
        ([{"metadataKey": "text", "text": "x" * 1025}], "between 1 and 1024"),
        ([{"metadataKey": f"k{n}", "text": "a"} for n in range(11)], "between 1 and 10"),
    ],
)
def test_wrong_query_texts_are_refused(searchable, texts, message):
    """The error is a 400 with the reason."""
    with pytest.raises(ClientError, match=message):
        searchable.query_vectors(**NAMES, topK=1, queryTexts=texts)


def test_an_index_lists_its_text_searches(client):
    """Each has its key, its status, and its language if it has one."""
    create_index(client, {"metadataKey": "text", "language": "de"}, {"metadataKey": "title"})
    finish_building(client)

    assert list_configurations(client) == [
        {"metadataKey": "text", "language": "de", "status": "ACTIVE"},
        {"metadataKey": "title", "status": "ACTIVE"},
    ]


@pytest.fixture
def resume_builder(monkeypatch):
    """Stop the builder, and return a function that resumes it."""
    monkeypatch.setattr(builder.Builder, "start", lambda _: None)

    def resume(engine):
        monkeypatch.undo()
        engine.call("GetIndex", NAMES)

    return resume


def test_stored_and_new_vectors_become_searchable(engine, client, resume_builder):
    """While BUILDING, queries are refused. Then all vectors are found in their present state."""
    create_index(client)
    put(client, {f"k{n:04}": f"old {n}" for n in range(500)})
    put(client, {f"l{n:04}": f"old {n}" for n in range(500)})
    client.update_metadata_configuration(
        **NAMES, add={"textSearchConfigurations": [{"metadataKey": "text"}]}
    )
    assert [entry["status"] for entry in list_configurations(client)] == ["BUILDING"]
    with pytest.raises(ClientError, match="text search configuration of 'text' is BUILDING"):
        ask(client, "old")
    put(client, {"k0001": "new", "m": "new"})
    client.delete_vectors(**NAMES, keys=["k0002"])

    resume_builder(engine)
    finish_building(client)

    assert set(list_keys(ask(client, "new"))) == {"k0001", "m"}
    assert list_keys(ask(client, "2")) == ["l0002"]
    assert set(list_keys(ask(client, "7"))) == {"k0007", "l0007"}


def test_building_continues_after_reopening(tmp_path, monkeypatch):
    """Vectors written in the meantime are found."""
    monkeypatch.setattr(builder, "BATCH_VECTORS", 100)
    monkeypatch.setattr(builder.Builder, "start", lambda _: None)
    engine = Engine(tmp_path)
    client = connect(create_client(), engine)
    create_index(client)
    put(client, {f"k{n}": f"word{n}" for n in range(300)})
    client.update_metadata_configuration(
        **NAMES, add={"textSearchConfigurations": [{"metadataKey": "text"}]}
    )
    index = next(iter(engine._state.indexes.values()))
    index.build(index.configuration.texts[0], 100)
    put(client, {"k5": "early", "k205": "late"})
    engine.close()
    monkeypatch.undo()

    engine = Engine(tmp_path)
    client = connect(create_client(), engine)
    finish_building(client)

    for text, key in (("word99", "k99"), ("word299", "k299"), ("early", "k5"), ("late", "k205")):
        assert list_keys(ask(client, text)) == [key]
    assert list_keys(ask(client, "word5 word205")) == []
    engine.close()


def test_texts_of_other_analyzers_are_rebuilt(tmp_path, monkeypatch):
    """A newer library may stem differently, but queries and texts must have the same stems."""
    engine = Engine(tmp_path)
    client = connect(create_client(), engine)
    create_index(client, {"metadataKey": "text", "language": "en"})
    finish_building(client)
    monkeypatch.setattr("s3vectors_local.configuration.TextSearch.prepare", lambda *_: "stale")
    put(client, TEXTS)
    monkeypatch.undo()
    engine.close()

    monkeypatch.setattr("s3vectors_local.index.describe_analyzers", lambda _: "newer")
    engine = Engine(tmp_path)
    client = connect(create_client(), engine)
    finish_building(client)

    assert list_keys(ask(client, "fox")) == ["fox"]
    assert list_keys(ask(client, "stale")) == []
    engine.close()


def test_a_failure_while_building_is_logged_and_retried(engine, client, monkeypatch, caplog):
    """The next GetIndex retries it."""
    create_index(client)
    put(client, TEXTS)
    with monkeypatch.context() as patch:
        patch.setattr("s3vectors_local.index.Index.build", lambda *_: 1 / 0)
        client.update_metadata_configuration(
            **NAMES, add={"textSearchConfigurations": [{"metadataKey": "text"}]}
        )
        engine._builder.wait()
    assert "building a text search failed" in caplog.text

    finish_building(client)

    assert list_keys(ask(client, "fox")) == ["fox"]


def test_a_page_token_is_invalid_after_its_text_search_changes(client):
    """In another language, the same query has another ranking."""
    create_index(client, {"metadataKey": "text", "language": "en"})
    finish_building(client)
    put(client, {f"a{n}": "running" for n in range(150)} | {f"b{n}": "run" for n in range(150)})
    first = ask(client, "running", top_k=1000)
    only = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    client.update_metadata_configuration(**NAMES, delete=only)
    client.update_metadata_configuration(**NAMES, add=only)
    finish_building(client)

    with pytest.raises(ClientError, match="Invalid nextToken"):
        ask(client, "running", top_k=1000, nextToken=first["nextToken"])
    page = ask(client, "running", top_k=1000)
    last = ask(client, "running", top_k=1000, nextToken=page["nextToken"])
    assert len(list_keys(page) + list_keys(last)) == 150


def test_engines_in_several_threads_share_the_stemmers(monkeypatch):
    """If one removes words from the cache, the others do not miss them."""
    monkeypatch.setattr("s3vectors_local.text._MAX_CACHED", 50)
    parse_phrases = get_analyzer("fr", "uax29").parse_phrases

    def work(number):
        words = [f"mangeaient{number}x{n}ent" for n in range(40)]
        return all(len(parse_phrases(" ".join(words))) == 40 for _ in range(50))

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(work, range(30)))


def test_a_deleted_text_search_can_be_added_again_in_another_language(searchable):
    """In between, its key cannot be queried."""
    only = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    searchable.update_metadata_configuration(**NAMES, delete=only)
    assert list_configurations(searchable) == []
    with pytest.raises(ClientError, match="not configured"):
        ask(searchable, "dog")

    searchable.update_metadata_configuration(**NAMES, add=only)
    finish_building(searchable)

    assert list_keys(ask(searchable, "dog")) == ["fox"]  # not stemmed any more


@pytest.mark.parametrize(
    "request_, code, message",
    [
        ({}, "ValidationException", "either add or delete but not both"),
        (
            {"add": {"textSearchConfigurations": []}, "delete": {}},
            "ValidationException",
            "either add or delete but not both",
        ),
        (
            {"add": {"textSearchConfigurations": [{"metadataKey": "text"}]}},
            "ConflictException",
            "already exists",
        ),
        (
            {"add": {"textSearchConfigurations": [{"metadataKey": "a"}] * 2}},
            "ValidationException",
            "one text search configuration only",
        ),
        (
            {"add": {"textSearchConfigurations": [{"metadataKey": f"k{n}"} for n in range(10)]}},
            "ValidationException",
            "at most 10 text search configurations",
        ),
        (
            {"delete": {"textSearchConfigurations": [{"metadataKey": "title"}]}},
            "ValidationException",
            "a metadataKey to delete has no text search",
        ),
        (
            {"add": {"textSearchConfigurations": [{"metadataKey": "a", "language": "xx"}]}},
            "ValidationException",
            "enum value set",
        ),
    ],
)
def test_wrong_updates_are_refused(searchable, request_, code, message):
    """Nothing is changed."""
    before = list_configurations(searchable)

    with pytest.raises(ClientError, match=message) as refused:
        searchable.update_metadata_configuration(**NAMES, **request_)

    assert refused.value.response["Error"]["Code"] == code
    assert list_configurations(searchable) == before


def test_deleting_an_index_deletes_its_texts(searchable):
    """A new index with the same name is empty."""
    searchable.delete_index(**NAMES)
    searchable.delete_vector_bucket(vectorBucketName="my-bucket")
    create_index(searchable, {"metadataKey": "text", "language": "en"})
    finish_building(searchable)

    assert list_keys(ask(searchable, "dog")) == []
