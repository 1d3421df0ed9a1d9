"""Splitting a batch around what the database refuses."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest

from windrow.worker.batch import run_split


def test_one_bad_item_of_many_stands_alone() -> None:
    saved: list[int] = []
    refused: list[int] = []

    def save(items: Sequence[int]) -> None:
        if 17 in items:
            raise psycopg.DataError("no")
        saved.extend(items)

    run_split(save, list(range(32)), lambda item, exc: refused.append(item))
    assert refused == [17]
    assert saved == [n for n in range(32) if n != 17]


def test_a_server_that_is_away_is_nobodys_fault() -> None:
    def save(items: Sequence[int]) -> None:
        raise psycopg.OperationalError("gone")

    with pytest.raises(psycopg.OperationalError):
        run_split(save, [1, 2], lambda item, exc: pytest.fail("refused"))
