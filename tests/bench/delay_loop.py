"""Calls `delay()` in a loop: what a producer without batches does. Prints JSON `{"jobs", "seconds", "cpu"}`."""

from __future__ import annotations

import json
import sys
import time

from tests.bench.project import noop

WARM_UP = 200


def main() -> None:
    """`delay()` for as many seconds as the first argument says."""
    seconds = float(sys.argv[1])
    for number in range(WARM_UP):
        noop.delay(number)
    jobs, began, used = 0, time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - began) < seconds:
        noop.delay(jobs)
        jobs += 1
    print(json.dumps({"jobs": jobs, "seconds": passed, "cpu": time.process_time() - used}))


if __name__ == "__main__":
    main()
