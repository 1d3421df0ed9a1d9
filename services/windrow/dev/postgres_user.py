"""The account that PostgreSQL runs under: it refuses root, and a container often has nobody else."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Any


class Account:
    """The current user, or for root an unprivileged one that this machine already has."""

    def __init__(self) -> None:
        self._other = _unprivileged() if os.geteuid() == 0 else None

    def popen_options(self) -> dict[str, Any]:
        """Keyword arguments that make subprocess run a program under this account."""
        if self._other is None:
            return {}
        return {"user": self._other.pw_uid, "group": self._other.pw_gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give `path` and all inside it to the account, and let it walk there."""
        if self._other is None:
            return
        for entry in [path, *path.rglob("*")]:
            os.chown(entry, self._other.pw_uid, self._other.pw_gid, follow_symlinks=False)
        _passable(path.parent)

    def let_run(self, program: Path) -> None:
        """Let the account run `program`."""
        if self._other is not None:
            _passable(program.parent)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)


def _passable(folder: Path) -> None:
    """Let others walk through `folder` and its parents: through, not look inside."""
    for step in [folder, *folder.parents]:
        mode = stat.S_IMODE(step.stat().st_mode)
        if not mode & stat.S_IXOTH:
            step.chmod(mode | stat.S_IXOTH)
