"""`python -m tests.bench`: both sides in one run, round by round, as a table and as JSON."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.measure import Bench, Measure, SideName, Values
from tests.bench.measures import all_measures
from tests.bench.naive import Naive
from tests.bench.report import SIDES, summary, table, write
from tests.bench.servers import running_servers
from tests.bench.side import BenchFailed
from tests.bench.windrow_side import Windrow

#: Measures that bring all that they need.
ALONE = frozenset({"claim_rate_with_history", "exporter_cost", "events_cost"})


def main() -> int:
    """Measure what was asked for; 1 when a measure failed (not when it missed its target)."""
    options = _options()
    # So that what was started ends, and its folder goes, when somebody gives up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measures = [m for m in all_measures() if not options.only or m.name in options.only]
    found: dict[str, dict[str, Any]] = {}
    failed = 0
    with running_servers() as servers:
        bench = Bench(
            servers,
            Naive(servers),
            Windrow(servers),
            options.seconds,
            options.jobs,
            options.requests,
            options.history,
        )
        bench.naive.start()
        if any(m.name not in ALONE for m in measures):
            bench.windrow.start()
        for measure in measures:
            began = time.monotonic()
            try:
                found |= take(measure, bench, min(options.rounds, measure.max_rounds))
                print(f"{measure.name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            except (BenchFailed, AssertionError, OSError) as error:
                failed = 1
                print(f"{measure.name} failed: {error}", file=sys.stderr)
    print(table(found))
    write(options.json, found)
    return failed


def take(measure: Measure, bench: Bench, rounds: int) -> dict[str, dict[str, Any]]:
    """All rounds of one measure, A B A B."""
    values: dict[SideName, list[Values]] = {side: [] for side in SIDES}
    with measure.around(bench):
        for _ in range(rounds):
            for side in SIDES:
                values[side].append(measure.round(bench, side))
                print(f"{measure.name}, {side}: {_short(values[side][-1])}", file=sys.stderr)
    return {metric.name: summary(metric, values) for metric in measure.metrics}


def _short(values: Values) -> str:
    return ", ".join(f"{value:.1f}" for variants in values.values() for value in variants.values())


def _options() -> argparse.Namespace:
    names = [measure.name for measure in all_measures()]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, help="this measure; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each side; their median counts")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one throughput sample")
    parser.add_argument("--jobs", type=int, default=6_000, help="jobs of one worker sample")
    parser.add_argument("--requests", type=int, default=150, help="requests of one latency sample")
    parser.add_argument("--history", type=int, default=200_000, help="finished jobs of the full ledger")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
