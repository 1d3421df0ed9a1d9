"""An error as callers see it: an RFC 9457 problem, and the flaws that it names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Response

MEDIA_TYPE = "application/problem+json"


class Flaw(NamedTuple):
    """One thing that is wrong with a request."""

    #: JSON Pointer (RFC 6901) into the body; `?name` for a query parameter, `Name:` for a header.
    pointer: str
    message: str
    #: What to do about it; never empty.
    fix: str


class Problem(Exception):
    """An error answer; `slug` names its kind for programs, `detail` explains this one to people."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str,
        *,
        flaws: Sequence[Flaw] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.flaws = tuple(flaws)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, instance: str | None = None) -> dict[str, Any]:
        """The members of the problem object; `instance` is the path that was asked."""
        body: dict[str, Any] = {
            "type": f"urn:windrow:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if instance is not None:
            body["instance"] = instance
        if self.flaws:
            body["errors"] = [flaw._asdict() for flaw in self.flaws]
        return body | self.extra

    def response(self, instance: str) -> Response:
        """The whole answer."""
        # ASCII with escapes: a caller's broken text is shown back without breaking the answer.
        content = json.dumps(self.body(instance), ensure_ascii=True, allow_nan=False)
        return Response(content, self.status, self.headers, MEDIA_TYPE)
