"""Ids of the form `summarize_<article>_<seconds>`: read, checked, made."""

import re
from collections.abc import Collection, Iterable

#: PostgreSQL's bigint.
MAX_ARTICLE_ID = 2**63 - 1
PATTERN = r"^summarize_[1-9][0-9]{0,18}_[0-9]{1,15}$"
_FORM = re.compile(r"summarize_([1-9][0-9]{0,18})_([0-9]{1,15})")


def article_of(job_id: str) -> int | None:
    """The article that a job id names; None when it has not the form."""
    found = _FORM.fullmatch(job_id)
    article = int(found[1]) if found else 0
    return article if 0 < article <= MAX_ARTICLE_ID else None


def candidates(article_id: int, second: int, count: int) -> list[str]:
    """Ids for a new job of an article: this second's, and those of the next ones in case it is taken."""
    return [f"summarize_{article_id}_{second + step}" for step in range(count)]


def first_free(wanted: Iterable[str], taken: Collection[str]) -> str | None:
    """The first of `wanted` that nobody has."""
    return next((each for each in wanted if each not in taken), None)
