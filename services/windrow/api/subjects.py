"""Which ServiceAccount may do what: scopes by subject, with `*` for any namespace or any name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from windrow.api.callers import SCOPES

Subjects = Mapping[str, frozenset[str]]

PREFIX = "system:serviceaccount:"
#: A whole part or nothing: `team-*` would be a promise about names that anybody may choose.
_ENTRY = re.compile(r"system:serviceaccount:(\*|[a-z0-9-]+):(\*|[a-z0-9.-]+)")


def checked(subjects: Subjects) -> Subjects:
    """`subjects`, when every entry can match and every scope is one. Raises ValueError."""
    for subject, scopes in subjects.items():
        if not _ENTRY.fullmatch(subject):
            raise ValueError(
                f"{subject!r} is no subject: write {PREFIX}<namespace>:<name>, or `*` for either part"
            )
        unknown = scopes - SCOPES.keys()
        if unknown or not scopes:
            raise ValueError(
                f"{subject!r} has {sorted(unknown) or 'no scopes'}: choose from {', '.join(SCOPES)}"
            )
    return subjects


def scopes_of(subject: str, subjects: Subjects) -> frozenset[str]:
    """The scopes of every entry that matches, as in RBAC: none, when `subject` is no ServiceAccount."""
    if not subject.startswith(PREFIX):
        return frozenset()
    namespace, _, name = subject.removeprefix(PREFIX).partition(":")
    matching = (f"{PREFIX}{n}:{m}" for n in (namespace, "*") for m in (name, "*"))
    return frozenset().union(*(subjects.get(entry, frozenset()) for entry in matching))
