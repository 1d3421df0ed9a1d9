"""`windrow up` as a program, its doors replaced by stand-ins; everything else is the real thing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from windrow.dev.addresses import Addresses
from windrow.dev.errors import DevError
from windrow.dev.part import Part
from windrow.dev.parts import ANSWERING, WORKING
from windrow.dev.ready import Answers, Says
from windrow.dev.settings import UpSettings
from windrow.dev.stop_flag import StopFlag
from windrow.dev.terminal import Terminal
from windrow.dev.up import Programs, Up

DOOR = str(Path(__file__).with_name("stand_in_door.py"))


def stand_ins(addresses: Addresses, env: Mapping[str, str], drain_seconds: float) -> list[Part]:
    """An API that answers, a worker and a beat that say that they are ready."""
    return [
        Part(
            "api",
            (sys.executable, DOOR, "api"),
            env,
            lambda: Answers(f"{addresses.api_url}/readyz"),
            ANSWERING,
        ),
        *(
            Part(
                name,
                (sys.executable, DOOR, name),
                env,
                lambda: Says("is ready"),
                WORKING,
                drain_seconds,
                gives_back=True,
            )
            for name in ("worker", "beat")
        ),
    ]


def main() -> int:
    stop = StopFlag()
    stop.install()
    programs = Programs(migrate=(sys.executable, "-c", "print('migrated')"), parts=stand_ins)
    try:
        Up(UpSettings(), os.environ, Terminal(), stop, programs, with_demo=False).run()
    except DevError as error:
        sys.stdout.write(f"windrow up: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
