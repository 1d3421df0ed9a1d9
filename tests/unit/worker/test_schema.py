"""Task signatures as JSON Schema."""

from __future__ import annotations

import json
from typing import Any

from celery import Celery
from pydantic import BaseModel

from windrow.worker.schema import schema_of, summary_of


class Order(BaseModel):
    """What is asked for."""

    sku: str
    count: int = 1


def schema(app: Celery, fun: Any, **options: Any) -> dict[str, Any] | None:
    text = schema_of(app.task(name=fun.__name__, **options)(fun))
    return None if text is None else json.loads(text)


def test_hints_become_properties_in_order(app: Celery) -> None:
    def ship(order: Order, address: str, fast: bool = False, note: str | None = None) -> None:
        """Send it off.

        In a box.
        """

    found = schema(app, ship)
    assert found is not None
    assert list(found["properties"]) == ["order", "address", "fast", "note"]
    assert found["required"] == ["order", "address"]
    assert found["properties"]["fast"]["default"] is False
    assert found["additionalProperties"] is False
    assert summary_of(app.tasks["ship"]) == "Send it off."


def test_self_of_a_bound_task_is_no_property(app: Celery) -> None:
    def bound(self: Any, start_id: int) -> None:
        pass

    found = schema(app, bound, bind=True)
    assert found is not None
    assert list(found["properties"]) == ["start_id"]


def test_keywords_of_any_name_are_allowed_when_the_task_takes_them(app: Celery) -> None:
    def loose(x: int, *args: int, **kwargs: str) -> None:
        pass

    found = schema(app, loose)
    assert found is not None
    assert found["additionalProperties"] is True
    assert list(found["properties"]) == ["x"]


def test_no_hints_or_one_without_a_schema_mean_any_json(app: Celery) -> None:
    def bare(x, y=1):  # type: ignore[no-untyped-def]
        pass

    def strange(x: Celery) -> None:
        pass

    def unknown(x: NotThere) -> None:  # type: ignore[name-defined]  # noqa: F821
        pass

    assert [schema(app, fun) for fun in (bare, strange, unknown)] == [None, None, None]
