"""The rules of the summaries app that need neither database nor network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from windrow_apps.shared.outbound import OutboundRefused
from windrow_apps.summaries import text
from windrow_apps.summaries.extractive import extract
from windrow_apps.summaries.feed import plain, read_feed
from windrow_apps.summaries.gate import Go, Standing, Wait, breaker_state, decide
from windrow_apps.summaries.job_ids import article_of, candidates, first_free
from windrow_apps.summaries.llm import retry_after
from windrow_apps.summaries.settings import Provider, SummariesSettings

TEXTS = Path(__file__).parents[2] / "support" / "texts"
NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
FREE = Provider(name="a", base_url="https://a.test/v1", model="m")
SLOW = FREE.model_copy(update={"per_minute": 6.0, "burst": 2})


def long_text(name: str) -> str:
    return (TEXTS / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "language", "told"),
    [
        ("lincoln.en.txt", "en", "Both parties deprecated war"),
        ("kant.de.txt", "de", "Unmündigkeit ist das Unvermögen, sich seines Verstandes"),
        ("hugo.fr.txt", "fr", "Vous n'avez rien fait, rien fait, tant que le peuple souffre"),
    ],
)
def test_a_real_text_is_its_language_and_its_summary_its_own_sentences(
    name: str, language: str, told: str
) -> None:
    whole = long_text(name)
    assert text.recognise(whole) == language
    summary = extract(whole, language, 3, 400)
    assert told in summary
    chosen = text.sentences(summary)
    sentences = text.sentences(whole)
    assert len(sentences) >= 15
    places = [" ".join(whole.split()).index(sentence) for sentence in chosen]
    assert places == sorted(places)
    assert len(summary) < len(whole) / 3


@pytest.mark.parametrize(
    ("odd", "summary"),
    [
        ("One.", "One."),
        ("123. 456! 789? 12 13.", "123. 456!"),
        ("Yes. " * 50, "Yes."),
        ("no end " * 500, ("no end " * 500).strip()),
        ("the of and. of the and. and of the.", "the of and. of the and."),
    ],
    ids=["one", "numbers", "repeated", "no-end", "stop-words"],
)
def test_an_odd_text_has_a_summary_too(odd: str, summary: str) -> None:
    assert extract(odd, "en", 2, 400) == summary


def test_a_language_that_nobody_knows_is_no_obstacle() -> None:
    assert text.recognise("qwx zzk plm vvt") is None
    assert text.recognise("12 34") is None
    assert len(text.sentences(extract(long_text("kant.de.txt"), "xx", 2, 400))) == 2


def test_a_text_is_cut_at_a_sentence_and_else_at_a_word() -> None:
    assert text.cut("Short.", 10) == "Short."
    assert text.cut("A short sentence. " * 50, 20) == "A short sentence. A short sentence."
    assert text.cut("word " * 1000, 5) == "word word"
    assert text.cut("ü" * 1000, 5) == "ü" * 7


@pytest.mark.parametrize(
    ("standing", "provider", "decision"),
    [
        (Standing(1, 0, None, 0, None), FREE, Go(1, False)),
        (Standing(2, 0, None, 0, None), SLOW, Go(1, False)),
        (Standing(0, 100, None, 0, None), SLOW, Go(1, False)),
        (Standing(0, 5, None, 0, None), SLOW, Wait("rate", 5.0)),
        (Standing(0, -5, None, 0, None), SLOW, Wait("rate", 10.0)),
        (Standing(1, 0, 4.0, 0, None), FREE, Wait("blocked", 4.0)),
        (Standing(1, 0, -4.0, 0, None), FREE, Go(1, False)),
        (Standing(1, 0, None, 3, 7.0), FREE, Wait("open", 7.0)),
        (Standing(1, 0, None, 2, 7.0), FREE, Go(1, False)),
        (Standing(1, 0, None, 3, -1.0), FREE, Go(1, True)),
        (Standing(1, 0, 2.0, 3, 7.0), FREE, Wait("blocked", 2.0)),
    ],
)
def test_block_circuit_and_bucket_decide_in_this_order(
    standing: Standing, provider: Provider, decision: Go | Wait
) -> None:
    assert decide(standing, provider, 3) == decision


def test_a_circuit_is_called_what_it_is() -> None:
    assert [breaker_state(failures, left, 3) for failures, left in ((2, 9.0), (3, 9.0), (3, -1.0))] == [
        "closed",
        "open",
        "half_open",
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Tue, 01 Dec 2026 12:00:30 GMT", 30.0),
        ("Tue, 01 Dec 2026 11:00:30 GMT", 0.0),
        ("99999999", 3600.0),
        ("9" * 400, 3600.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("job_id", "article"),
    [
        ("summarize_123_1692345678", 123),
        ("summarize_9223372036854775807_1", 2**63 - 1),
        ("summarize_9223372036854775808_1", None),
        ("summarize_0_1", None),
        ("summarize_0123_1", None),
        ("summarize_1_", None),
        ("summarize_1", None),
        ("summarize_1_1\n", None),
        ("summarize_\u0661_1", None),
        ("Summarize_1_1", None),
    ],
)
def test_a_job_id_names_its_article_or_is_none(job_id: str, article: int | None) -> None:
    assert article_of(job_id) == article


def test_a_new_id_is_the_first_that_is_free() -> None:
    wanted = candidates(5, 100, 3)
    assert wanted == ["summarize_5_100", "summarize_5_101", "summarize_5_102"]
    assert first_free(wanted, {"summarize_5_100"}) == "summarize_5_101"
    assert first_free(wanted, wanted) is None


@pytest.mark.parametrize(
    "providers",
    [
        "[]",
        '[{"name": "a"}]',
        '[{"name": "a", "base_url": "ftp://a.test", "model": "m"}]',
        '[{"name": "a", "base_url": "https://user:pw@a.test", "model": "m"}]',
        '[{"name": "A b", "base_url": "https://a.test", "model": "m"}]',
        '[{"name": "a", "base_url": "https://a.test", "model": "m", "key": "sk-1"}]',
    ],
)
def test_providers_that_cannot_work_are_refused_at_the_start(
    providers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDROW_SUMMARIES_PROVIDERS", providers)
    with pytest.raises((ValidationError, ValueError)):
        SummariesSettings()


def test_without_a_setting_the_local_summarizer_is_asked() -> None:
    assert [provider.name for provider in SummariesSettings().providers] == ["local"]


RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>F</title><link>https://f.test/</link><description>d</description>
<language>de-AT</language>
<item><title>Eins &amp; mehr</title><link>https://f.test/1</link><guid>1</guid>
<description>&lt;p&gt;Erster Satz.&lt;/p&gt;&lt;p&gt;Zweiter &lt;b&gt;Satz&lt;/b&gt;.
&lt;script&gt;x()&lt;/script&gt;&lt;/p&gt;</description></item>
<item><title>Eins noch einmal</title><guid>1</guid><description>Text.</description></item>
<item><title>Leer</title><guid>2</guid></item>
<item><link>javascript:alert(1)</link><guid>3</guid><description>Ohne Titel.</description></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title><id>urn:f</id><updated>2026-01-01T00:00:00Z</updated>
<entry><title>One</title><id>urn:1</id><link href="https://f.test/1"/><updated>2026-01-01T00:00:00Z</updated>
<summary>Short.</summary><content type="html">&lt;p&gt;The whole text.&lt;/p&gt;</content></entry></feed>"""


def test_entries_of_rss_and_atom_become_articles() -> None:
    found, empty = read_feed(RSS.encode(), "application/rss+xml", "https://f.test/rss", SummariesSettings())
    assert [(each["title"], each["text"], each["language"], each["url"]) for each in found] == [
        ("Eins & mehr", "Erster Satz.\n\nZweiter Satz.", "de", "https://f.test/1"),
        ("Ohne Titel.", "Ohne Titel.", "de", None),
    ]
    assert empty == 1
    found, empty = read_feed(
        ATOM.encode(), "application/atom+xml", "https://f.test/atom", SummariesSettings()
    )
    assert [(each["title"], each["text"], each["language"]) for each in found] == [
        ("One", "The whole text.", None)
    ]


@pytest.mark.parametrize("content", [b"", b"<html><body>Hello</body></html>", b"{}", b"\x00\xff" * 50])
def test_what_is_no_feed_is_refused(content: bytes) -> None:
    with pytest.raises(OutboundRefused):
        read_feed(content, "text/html", "https://f.test/", SummariesSettings())


def test_an_entity_bomb_is_not_opened() -> None:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a0 "boom">{levels}]>' + RSS.partition("?>")[
        2
    ].replace("Eins", "&a8;")
    try:
        found, _ = read_feed(bomb.encode(), "application/rss+xml", "https://f.test/", SummariesSettings())
    except OutboundRefused:
        return
    assert all(len(each["title"]) < 1000 for each in found)


def test_markup_becomes_paragraphs_and_nothing_that_a_database_refuses() -> None:
    assert plain("a < b & c") == "a < b & c"
    assert plain("<p>a\0</p><ul><li>b</li></ul>c<style>d</style>") == "a\n\nb\n\nc"
    assert plain("<!-- only -->") == ""
