"""What callers send about to-dos, checked: nothing that is unknown, half or cannot be kept gets past here."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from windrow_apps.shared.task_ids import MAX_TODO_ID

MAX_TITLE_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 10_000
MAX_BULK_IDS = 10_000
MAX_LIMIT = 100
MAX_PAGE = 1_000_000
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
#: Letters and marks that show nothing, though Unicode does not call them format characters: fillers, the blank of
#: Braille, the joiner and variation selectors.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(n) for n in range(0xFE00, 0xFE10)
}


def _visible(text: str) -> str:
    # Separators, control and format characters, e.g. the space of no width.
    if all(character in _BLANK or unicodedata.category(character)[0] in "ZC" for character in text):
        raise ValueError("a title has at least one visible character")
    return text


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be kept")
    return text


def _written_out(value: object) -> object:
    # pydantic would take 1.5 and "1.5" for seconds since 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-", value)):
        return value
    raise ValueError("a moment is written like 2026-01-31T09:00:00Z")


def _sensible(moment: datetime) -> datetime:
    # Every clock and calendar on the way can hold it, whatever its offset.
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("a moment lies in the years 1970 to 2999")
    return moment.astimezone(UTC)


@cache
def _zones() -> frozenset[str]:
    # localtime is whatever the machine is set to, and another one elsewhere.
    return frozenset(available_timezones() - {"localtime"})


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("no such time zone: write an IANA name, e.g. Europe/Berlin")
    return name


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE_CHARACTERS),
    AfterValidator(_storable),
    AfterValidator(_visible),
]
Description = Annotated[
    str, StringConstraints(max_length=MAX_DESCRIPTION_CHARACTERS), AfterValidator(_storable)
]
#: An ISO 8601 moment with its offset. Strict mode would refuse the text.
Moment = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_written_out), AfterValidator(_sensible)
]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)]
TodoId = Annotated[int, Field(ge=1, le=MAX_TODO_ID)]
TodoIds = Annotated[list[TodoId], Field(min_length=1, max_length=MAX_BULK_IDS)]
ExportFormat = Literal["json", "csv"]


class Strict(BaseModel):
    """A body that takes what its schema says and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewTodo(Strict):
    """A whole to-do: what is left out has its default."""

    title: Title
    description: Description = ""
    completed: bool = False
    deadline: Moment | None = Field(None, description="With its offset, e.g. `2026-01-31T09:00:00Z`.")
    timezone: Zone = Field(
        "UTC", description="The reminder comes a day of this zone's wall clock before the deadline."
    )


class TodoChange(Strict):
    """Some fields of a to-do; the others stay as they are. `deadline: null` takes the deadline away."""

    # What is left out never counts: the defaults are there for the types only.
    title: Title = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    completed: bool = Field(default_factory=bool)
    deadline: Moment | None = None
    timezone: Zone = Field(default_factory=str)

    @model_validator(mode="after")
    def _says_something(self) -> TodoChange:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self

    def changes(self) -> dict[str, Any]:
        """The fields that were given."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class BulkUpdate(Strict):
    """One change for many to-dos."""

    task_ids: TodoIds
    update_data: TodoChange


class TodoQuery(BaseModel):
    """Which to-dos, and which page of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: int = Field(1, ge=1, le=MAX_PAGE)
    limit: int = Field(20, ge=1, le=MAX_LIMIT)
    completed: bool | None = None
    overdue: bool | None = None
    deadline_before: Moment | None = None
    deadline_after: Moment | None = Field(None, description="This moment included.")
    search: (
        Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)] | None
    ) = Field(None, description="Part of a title or description, in any case.")
    sort: Literal["id", "-id", "deadline", "-deadline"] = Field("id", description="`-`: the other way round.")
