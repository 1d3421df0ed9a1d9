"""`python -m tests.bench.waiting`: 200 requests wait for their jobs; how soon after its job's end each is answered.

Against the `make up` of this folder, or the one whose up.json is named. It is no part of `make bench`: nothing of stock
Celery waits like that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import datetime
from pathlib import Path

import httpx
import psutil
import psycopg

from tests.bench.measures.latency import percentiles

WAITING, DELAY_SECONDS = 200, 0.05
#: Seconds after the first request at which threads and connections are counted.
LOOK_AFTER = 3.0


async def main(state: dict[str, object]) -> None:
    """Ask, count, and print what was seen."""
    api = psutil.Process(int(state["pids"]["api"]))  # type: ignore[index]
    async with httpx.AsyncClient(
        base_url=str(state["api_url"]),
        limits=httpx.Limits(max_connections=WAITING),
        timeout=120,
        trust_env=False,
    ) as client:
        # Connections and modules that a first request brings.
        for _ in range(3):
            await _late(client)
        before = api.num_threads(), _connections(str(state["database_url"]), api.pid)
        asked = [asyncio.create_task(_late(client)) for _ in range(WAITING)]
        await asyncio.sleep(LOOK_AFTER)
        waiting = sum(not task.done() for task in asked)
        during = api.num_threads(), _connections(str(state["database_url"]), api.pid)
        late = await asyncio.gather(*asked)
    median, most = percentiles(late)
    print(f"API without waiting requests: {before[0]} threads, {before[1]} sockets of PostgreSQL")
    print(f"with {waiting} waiting requests: {during[0]} threads, {during[1]} sockets of PostgreSQL")
    print(
        f"answer after its job's end, {WAITING} requests: median {median:.1f} ms, 99th percentile {most:.1f} ms"
    )


async def _late(client: httpx.AsyncClient) -> float:
    """Seconds from the job's end, by its own clock, to the answer in our hand."""
    answer = await client.post("/process", json={"delay": DELAY_SECONDS})
    now = time.time()
    if answer.status_code != httpx.codes.OK:
        raise SystemExit(f"{answer.status_code} {answer.text}")
    return now - datetime.fromisoformat(answer.json()["result"]["finished_at"]).timestamp()


def _connections(url: str, pid: int) -> int:
    """Sockets of process `pid` to the server of `url`."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        port = connection.info.port
    found = psutil.Process(pid).net_connections("inet")
    return sum(bool(one.raddr) and one.raddr.port == port and one.status == "ESTABLISHED" for one in found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.waiting", description=__doc__)
    parser.add_argument("state", nargs="?", type=Path, default=Path(".windrow/up.json"))
    asyncio.run(main(json.loads(parser.parse_args(sys.argv[1:]).state.read_text("utf-8"))))
