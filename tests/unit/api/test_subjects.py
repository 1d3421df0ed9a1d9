"""Scopes by subject: who is matched, and which entries are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from windrow.api.settings import ApiSettings
from windrow.api.subjects import checked, scopes_of

SA = "system:serviceaccount:"
SUBJECTS = {
    f"{SA}shop:web": frozenset({"jobs:write"}),
    f"{SA}shop:*": frozenset({"jobs:read"}),
    f"{SA}*:ops": frozenset({"queues:write"}),
}


@pytest.mark.parametrize(
    ("subject", "scopes"),
    [
        (f"{SA}shop:web", {"jobs:write", "jobs:read"}),
        (f"{SA}shop:other", {"jobs:read"}),
        (f"{SA}shop:ops", {"jobs:read", "queues:write"}),
        (f"{SA}bank:ops", {"queues:write"}),
        (f"{SA}bank:web", set()),
        (f"{SA}shopping:web", set()),
        ("system:node:shop:web", set()),
        ("jane", set()),
        ("", set()),
    ],
)
def test_a_subject_has_the_scopes_of_every_entry_that_matches(subject: str, scopes: set[str]) -> None:
    assert scopes_of(subject, SUBJECTS) == scopes


def test_everybody_of_the_cluster_can_be_named() -> None:
    everybody = {f"{SA}*:*": frozenset({"jobs:read"})}
    assert scopes_of(f"{SA}a:b", everybody) == {"jobs:read"}
    assert scopes_of("system:anonymous", everybody) == set()


@pytest.mark.parametrize("subject", ["*", "shop:web", f"{SA}shop", f"{SA}shop:we*", f"{SA}a:b:c", f"{SA}:"])
def test_an_entry_that_could_match_nobody_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="is no subject"):
        checked({subject: frozenset({"jobs:read"})})


@pytest.mark.parametrize("scopes", [frozenset[str](), frozenset({"jobs:read", "root"})])
def test_an_entry_without_a_known_scope_is_refused(scopes: frozenset[str]) -> None:
    with pytest.raises(ValueError, match="choose from jobs:read"):
        checked({f"{SA}shop:web": scopes})


def test_subjects_are_read_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "WINDROW_API_SUBJECTS", '{"system:serviceaccount:shop:*": ["jobs:write", "jobs:read"]}'
    )
    settings = ApiSettings(database_url="postgresql://x", redis_url="redis://x")
    assert settings.api_subjects == {f"{SA}shop:*": {"jobs:write", "jobs:read"}}
    monkeypatch.setenv("WINDROW_API_SUBJECTS", '{"shop:*": ["jobs:write"]}')
    with pytest.raises(ValidationError, match="is no subject"):
        ApiSettings(database_url="postgresql://x", redis_url="redis://x")
