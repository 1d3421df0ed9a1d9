"""Sentences, words and sizes of a text, and the language that it is in."""

import re
from functools import cache

#: ISO 639-1 to the names under which the summarizer has stop words and a stemmer.
LANGUAGES = {
    "cs": "czech",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "pt": "portuguese",
    "sk": "slovak",
    "sv": "swedish",
    "uk": "ukrainian",
}
#: Bytes of UTF-8 a token has at least, in prose of European languages: an estimate that errs upwards.
BYTES_PER_TOKEN = 3
#: Words that are looked at to recognise a language, and the share of them that must be its stop words.
SAMPLE_WORDS = 2000
SHARE = 0.15
#: Characters of the longest abbreviation, `e.g` counted as three.
ABBREVIATION_CHARACTERS = 5
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def words(text: str) -> list[str]:
    """Its words, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def sentences(text: str) -> list[str]:
    """Its sentences, each on one line. Punkt learns the abbreviations from the text itself: it needs no data."""
    # Here, not above: it takes a second, and only a worker that summarizes needs it.
    from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

    learned = PunktTrainer(text).get_params()
    # A word that happens to stand at ends of sentences only is none.
    learned.abbrev_types = {word for word in learned.abbrev_types if len(word) <= ABBREVIATION_CHARACTERS}
    tokenizer = PunktSentenceTokenizer(learned)
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        found += (" ".join(sentence.split()) for sentence in tokenizer.tokenize(paragraph))
    return [sentence for sentence in found if sentence]


def tokens(text: str) -> int:
    """About how many tokens a language model sees in it, rather too many than too few."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def cut(text: str, limit: int) -> str:
    """The text, or as many of its first sentences as have at most `limit` tokens."""
    if tokens(text) <= limit:
        return text
    kept: list[str] = []
    left = limit
    for sentence in sentences(text):
        # The space before it is a token at worst.
        left -= tokens(sentence) + 1
        if left < 0:
            break
        kept.append(sentence)
    if kept:
        return " ".join(kept)
    # One sentence longer than all that is allowed: at a word's end.
    start = text.strip().encode("utf-8", "replace")[: limit * BYTES_PER_TOKEN].decode("utf-8", "ignore")
    return start.rsplit(None, 1)[0] if " " in start else start


def recognise(text: str) -> str | None:
    """The ISO 639-1 code of the language whose stop words are most of its words; None when none are many."""
    sample = words(text)[:SAMPLE_WORDS]
    if not sample:
        return None
    shares = {code: sum(word in stop_words(code) for word in sample) / len(sample) for code in LANGUAGES}
    best = max(shares, key=lambda code: shares[code])
    return best if shares[best] >= SHARE else None


@cache
def stop_words(language: str) -> frozenset[str]:
    """The words of a language that say nothing of a text; empty for one that is not in LANGUAGES."""
    from sumy.utils import get_stop_words

    name = LANGUAGES.get(language)
    return frozenset() if name is None else frozenset(word.lower() for word in get_stop_words(name))
