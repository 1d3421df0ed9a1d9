"""Runs all cases, or those named: `python -m tests.conformance.run out.json [--adopt] [case …]`."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance import cases
from tests.conformance.case import CASES, run_case
from tests.conformance.project.celeryapp import app

#: Cases at a time: most of their time is waiting.
THREADS = 12


def main(argv: list[str]) -> int:
    """Write `{case: record}`; the worker must run already."""
    assert cases
    if "--adopt" in argv:
        import windrow

        argv.remove("--adopt")
        windrow.adopt(app)
    app.loader.import_default_modules()
    out, *names = argv
    with ThreadPoolExecutor(THREADS) as pool:
        wanted = names or list(CASES)
        records = dict(zip(wanted, pool.map(lambda name: run_case(app, name), wanted), strict=True))
    Path(out).write_text(json.dumps(records, indent=1, sort_keys=True, default=repr))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
