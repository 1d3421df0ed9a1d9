"""The provider that needs no key: the sentences of a text that say most of the rest (sumy's LexRank)."""

from windrow_apps.summaries import text as texts


class _Words:
    """sumy's tokenizer would load data that pip does not bring."""

    def to_words(self, sentence: str) -> tuple[str, ...]:
        return tuple(texts.words(sentence))


def extract(text: str, language: str | None, count: int, limit: int) -> str:
    """At most `count` sentences of the text, in its order; only the first `limit` sentences are looked at.

    A language that is not in `texts.LANGUAGES`, or None, does without stop words and stems. Writing without spaces
    between words is one word to it.
    """
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
    from sumy.nlp.stemmers import Stemmer, null_stemmer
    from sumy.summarizers.lex_rank import LexRankSummarizer

    found = list(dict.fromkeys(texts.sentences(text)))[:limit]
    ignored = texts.stop_words(language or "")
    # A heading says what a text is about, but is no sentence of a summary; nor is one that says nothing.
    said = [
        sentence for sentence in found if _is_said(sentence) and not ignored.issuperset(texts.words(sentence))
    ]
    if len(said) <= count:
        return " ".join((said or found)[:count])
    words = _Words()
    document = ObjectDocumentModel([Paragraph([Sentence(sentence, words) for sentence in said])])
    name = texts.LANGUAGES.get(language or "")
    summarizer = LexRankSummarizer(null_stemmer if name is None else Stemmer(name))
    summarizer.stop_words = ignored
    return " ".join(str(sentence) for sentence in summarizer(document, count))


def _is_said(sentence: str) -> bool:
    return (
        sentence.rstrip("\"'»\u201d\u201c\u2019)]").endswith((".", "!", "?", "…"))
        and len(texts.words(sentence)) >= 4
    )
