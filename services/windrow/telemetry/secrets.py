"""Keeps secrets out of a line: passwords in URLs, API keys, bearer tokens, and the door's own passwords anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

#: Shorter ones are words: to replace them would spoil what is said.
MIN_CHARS = 6
HIDDEN = "***"

_URL = re.compile(r"(://[^\s:/@\"']*:)[^\s@/\"']+@")
_KEY = re.compile(r"\bwrk_([0-9A-Za-z]{12})_[0-9A-Za-z_-]{20,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic) +[0-9A-Za-z._~+/=-]{8,}")
_WORD = re.compile(r"(?i)\b(password|passwd|pgpassword)=[^\s&\"',;]+")


class Redaction:
    """Call it with a line. `secrets` are URLs with passwords, and secrets themselves."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found: set[str] = set()
        for secret in secrets:
            found |= _passwords(secret) if "://" in secret else {secret}
        # As they stand in a line of JSON, too.
        found |= {json.dumps(word)[1:-1] for word in found}
        #: The longest first: one may be a part of another.
        self._secrets = sorted((word for word in found if len(word) >= MIN_CHARS), key=len, reverse=True)

    def __call__(self, line: str) -> str:
        if "://" in line:
            line = _URL.sub(rf"\1{HIDDEN}@", line)
        # Most lines have none of these letters together; an expression would look at each.
        lower = line.lower()
        if "bearer" in lower or "basic " in lower:
            line = _BEARER.sub(rf"\1 {HIDDEN}", line)
        if "wrk_" in line:
            line = _KEY.sub(rf"wrk_\1_{HIDDEN}", line)
        if "passw" in lower:
            line = _WORD.sub(rf"\1={HIDDEN}", line)
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, HIDDEN)
        return line


def _passwords(url: str) -> set[str]:
    """The passwords of every part of `url`, as written and as meant."""
    found = set()
    for part in url.split(";"):
        try:
            password = urlsplit(part).password
        except ValueError:
            continue
        if password:
            found |= {password, unquote(password)}
    return found
