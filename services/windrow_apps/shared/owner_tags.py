"""Tags that say whose job it is and name nobody: the app that shows a job compares them with who asks."""

from __future__ import annotations

from hashlib import sha256

from fastapi import Request

from windrow.public import caller_id

#: Where the API asks nobody for a key, every caller has this id.
ANONYMOUS = "anonymous"


def key_tag(request: Request) -> str | None:
    """The tag of a key or a token; None where the API asks nobody for one: there everybody is the same caller."""
    caller = caller_id(request)
    return None if caller in (None, ANONYMOUS) else _tag("key", str(caller))


def caller_tag(request: Request) -> str:
    """The tag of whoever asks: of a key or a token, else of the header X-User."""
    return key_tag(request) or _tag("open", request.headers.get("x-user", ""))


def job_tags(request: Request, default: str) -> list[str]:
    """The tags for a job of whoever asks; `default` is who asks without X-User, where no key is needed."""
    tags = {caller_tag(request)}
    nobody, named = _tag("open", ""), _tag("open", default)
    return sorted(tags | {nobody, named}) if tags & {nobody, named} else sorted(tags)


def _tag(kind: str, name: str) -> str:
    # The kind as well: X-User may not say the id of a key.
    return f"owner:{sha256(f'{kind}:{name}'.encode()).hexdigest()[:32]}"
