"""A release on Redis pays nothing for the choice."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import windrow.api.services, windrow.worker.hold, windrow.beat.chores.crew, windrow.exporter.world
from windrow.broker import choice
choice.publisher("redis://nowhere:1/0", "")
choice.intake("w", "p", ["q"], lambda: None, "")
print([name for name in sys.modules if name.startswith("windrow.broker.rabbit")])
"""


def test_nothing_of_rabbitmq_is_imported_on_redis() -> None:
    said = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True
    )
    assert said.stdout.strip() == "[]"
