"""Write docs/settings.md's tables from the settings classes and the `#:` comments above their fields.

usage: python -m tools.settings_page
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ROOT / "services"
PAGE = ROOT / "docs" / "settings.md"
BEGIN, END = "<!-- made by `make settings`: begin -->", "<!-- made by `make settings`: end -->"

#: Each class with fields of its own has its table; one that is missing here is an error.
SECTIONS = {
    "Every door": "windrow.telemetry.settings.TelemetrySettings",
    "Figures of worker and beat": "windrow.telemetry.settings.ProcessSettings",
    "Broker": "windrow.broker.address.BrokerSettings",
    "API": "windrow.api.settings.ApiSettings",
    "Worker": "windrow.worker.settings.WorkerSettings",
    "Callers of an adopted app": "windrow.worker.caller_settings.CallerSettings",
    "Beat": "windrow.beat.settings.BeatSettings",
    "Exporter": "windrow.exporter.settings.ExporterSettings",
    "Scaler": "windrow.scaler.settings.ScalerSettings",
    "A pool of `WINDROW_SCALER_POOLS`": "windrow.scaler.settings.Pool",
    "`windrow up`": "windrow.dev.settings.UpSettings",
    "`windrow keys`": "windrow.api.keys.KeysSettings",
    "Apps: database": "windrow_apps.shared.database.DatabaseSettings",
    "Apps: mail server": "windrow_apps.shared.smtp.SmtpSettings",
    "Apps: notices": "windrow_apps.shared.notices.NoticeSettings",
    "Apps: outbound requests": "windrow_apps.shared.outbound.OutboundSettings",
    "Apps: `/health`": "windrow_apps.shared.health.HealthSettings",
    "Parse": "windrow_apps.parse.settings.ParseSettings",
    "Todos": "windrow_apps.todos.settings.TodoSettings",
    "Mailroom": "windrow_apps.mailroom.settings.MailroomSettings",
    "Summaries": "windrow_apps.summaries.settings.SummariesSettings",
    "A provider of `WINDROW_SUMMARIES_PROVIDERS`": "windrow_apps.summaries.settings.Provider",
    "Delays": "windrow_apps.delays.settings.DelaysSettings",
}
#: A store's address may carry a password, whatever its type.
ADDRESSES = {"database_url", "redis_url"}


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that follow each other without a blank line, under one comment."""

    words: str
    names: list[str]


def settings_classes() -> dict[str, list[str]]:
    """Dotted name -> fields of its own, of each class in services that is called or derived from `…Settings`."""
    found = {}
    for path in sorted(SERVICES.rglob("*.py")):
        module = ".".join(path.relative_to(SERVICES).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and any(
                ast.unparse(b).endswith("Settings") for b in node.bases
            ):
                found[f"{module}.{node.name}"] = [name for name, _ in _fields(node)]
    return found


def page(current: str) -> str:
    """The text `current` with its tables made anew. Raises LookupError for a class or field that lacks something."""
    missing = [name for name, own in settings_classes().items() if own and name not in SECTIONS.values()]
    if missing:
        raise LookupError(f"SECTIONS of tools/settings_page.py has no {', '.join(missing)}")
    before, rest = current.split(BEGIN)
    after = rest.split(END)[1]
    return "\n".join([before + BEGIN, "", *_sections(), END + after])


def _sections() -> Iterator[str]:
    for title, dotted in SECTIONS.items():
        module, _, name = dotted.rpartition(".")
        cls = getattr(importlib.import_module(module), name)
        yield from [f"## {title}", ""]
        shared = [t for t, d in SECTIONS.items() if d in {_dotted(base) for base in cls.__mro__[1:]}]
        if shared:
            yield from ["Beside " + ", ".join(f"[{each}](#{_anchor(each)})" for each in shared) + ":", ""]
        yield from [f"| {_heading(cls)} | Default | Allowed | |", "|---|---|---|---|"]
        for group in _groups(cls):
            yield from _rows(cls, group)
        yield ""


def _rows(cls: type[BaseModel], group: Group) -> Iterator[str]:
    for name in group.names:
        field = cls.model_fields[name]
        words = group.words if name == group.names[0] else "See above."
        # What a field's description adds is for people, too.
        words = f"{words} {field.description or ''}".strip()
        if name in ADDRESSES or field.annotation is SecretStr:
            words = f"**Secret.** {words}"
        cells = [_names(cls, name), _default(field), _allowed(field), words]
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _groups(cls: type[BaseModel]) -> list[Group]:
    lines = textwrap.dedent(inspect.getsource(cls)).splitlines()
    (node,) = ast.parse("\n".join(lines)).body
    groups: list[Group] = []
    previous_end = 0
    for name, statement in _fields(node):
        first = statement.lineno - 1
        comment: list[str] = []
        while lines[first - 1 - len(comment)].strip().startswith("#:"):
            comment.insert(0, lines[first - 1 - len(comment)].strip()[2:].strip())
        if comment:
            groups.append(Group(" ".join(comment).replace("|", "\\|"), [name]))
        elif groups and first == previous_end:
            groups[-1].names.append(name)
        else:
            raise LookupError(f"{_dotted(cls)}.{name} has no `#:` comment above it")
        previous_end = statement.end_lineno or 0
    return groups


def _fields(node: ast.AST) -> list[tuple[str, ast.AnnAssign]]:
    assert isinstance(node, ast.ClassDef)
    return [
        (statement.target.id, statement)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


def _names(cls: type[BaseModel], name: str) -> str:
    if not _dotted(cls).endswith("Settings"):
        return f"`{name}`"
    alias = cls.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        # Those in small letters are for code.
        return ", else ".join(f"`{each}`" for each in alias.choices if str(each).isupper())
    if alias is not None:
        return f"`{alias}`"
    # A base of doors has no prefix; every door's is WINDROW_.
    return f"`{cls.model_config.get('env_prefix') or 'WINDROW_'}{name.upper()}`"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "`{}`" if get_origin(field.annotation) is dict else "computed"
    return _shown(field.default)


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", ()):
        return "none" if value is None else "empty"
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, tuple):
        if isinstance(value[0], BaseModel):
            value = json.dumps([each.model_dump(exclude_defaults=True) for each in value])
        else:
            value = ",".join(value)
    return f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(_shown(each) for each in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(_shown(each) for each in kind)
    if kind is bool:
        return "`true`, `false`"
    low, high = "", ""
    for bound in field.metadata:
        if isinstance(bound, Ge):
            low = f"{bound.ge}"
        elif isinstance(bound, Gt):
            low = f"over {bound.gt}"
        elif isinstance(bound, Le):
            high = f"{bound.le}"
    if low and high:
        return f"{low}, up to {high}" if low.startswith("over") else f"{low} to {high}"
    return low if low.startswith("over") else f"{low} or more" if low else f"up to {high}" if high else ""


def _heading(cls: type[BaseModel]) -> str:
    return "Variable" if cls.__name__.endswith("Settings") else "Key in the JSON"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")


def _dotted(cls: type) -> str:
    return f"{cls.__module__}.{cls.__name__}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
