"""Run a batch; when the database refuses it because of its data, split it until the bad item stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from windrow.store.bad_row import is_bad_row

T = TypeVar("T")
R = TypeVar("R")


def run_split(
    run: Callable[[Sequence[T]], R], items: Sequence[T], refused: Callable[[T, Exception], None]
) -> list[R]:
    """`run` on all of `items`, or on halves of them; each item that fails alone goes to `refused`.

    Costs log2(len(items)) extra calls for one bad item. Other errors pass through.
    """
    try:
        return [run(items)]
    except Exception as exc:
        if not is_bad_row(exc):
            raise
        if len(items) == 1:
            refused(items[0], exc)
            return []
        middle = len(items) // 2
        return run_split(run, items[:middle], refused) + run_split(run, items[middle:], refused)
