"""The release as its callers see it: the HTTP API, and what it says of jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx

from tests.e2e.waiting import eventually

ACCEPTED = 202
FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})
PAGE = 500

Job = dict[str, Any]


class Platform:
    """One caller with one key. Blocking; for several threads."""

    def __init__(self, url: str, key: str) -> None:
        self.client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=10.0, trust_env=False
        )

    def close(self) -> None:
        self.client.close()

    def submit(
        self, task: str, given: Any, *, queue: str = "", priority: int = 0, tag: str = "", wait: float = 0
    ) -> Job:
        """A receipt, or with `wait` seconds what became of it; AssertionError when it is refused."""
        body: Job = {"task": task, "input": given, "priority": priority, "tags": [tag] if tag else []}
        if queue:
            body["queue"] = queue
        headers = {"Prefer": f"wait={wait:g}"} if wait else {}
        answer = self.client.post("/v1/jobs", json=body, headers=headers, timeout=10 + wait)
        assert answer.status_code in (200, ACCEPTED), f"{answer.status_code} {answer.text}"
        return dict(answer.json())

    def sleeps(self, seconds: Iterable[float], *, queue: str, tag: str, priority: int = 0) -> list[str]:
        """Jobs that sleep so long; their ids."""
        task = "project.sleep"
        return [
            str(self.submit(task, {"seconds": n}, queue=queue, tag=tag, priority=priority)["id"])
            for n in seconds
        ]

    def job(self, job_id: str) -> Job:
        return self._get(f"/v1/jobs/{job_id}")

    def tagged(self, tag: str) -> list[Job]:
        """Every job with that tag, the newest first."""
        jobs, cursor = [], ""
        while True:
            query = {"tag": tag, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = self._get("/v1/jobs", query)
            jobs += page["jobs"]
            cursor = page["next"]
            if not cursor:
                return jobs

    def ended(self, tag: str, count: int, seconds: float) -> list[Job]:
        """The jobs with that tag, once all `count` have ended."""

        def all_ended() -> list[Job] | None:
            jobs = self.tagged(tag)
            return jobs if sum(job["state"] in FINAL for job in jobs) >= count else None

        try:
            return eventually(f"{count} jobs of {tag} end", seconds, all_ended)
        except AssertionError as exc:
            states = Counter(job["state"] for job in self.tagged(tag))
            raise AssertionError(f"{exc}; states: {dict(states)}") from None

    def attempts(self, job_id: str) -> list[Job]:
        return list(self._get(f"/v1/jobs/{job_id}/attempts")["attempts"])

    def running(self, ids: Iterable[str], seconds: float) -> dict[str, str]:
        """Job -> the host that runs it, once all of them run."""
        wanted = list(ids)

        def hosts() -> dict[str, str] | None:
            jobs = [self.job(job_id) for job_id in wanted]
            if not all(job["state"] == "running" and job["worker"] for job in jobs):
                return None
            known = {worker["id"]: worker["host"] for worker in self.workers()}
            found = {job["id"]: known[job["worker"]] for job in jobs if job["worker"] in known}
            return found if len(found) == len(wanted) else None

        return eventually(f"{len(wanted)} jobs run", seconds, hosts)

    def cancel(self, ids: Iterable[str]) -> None:
        """Ask for the end of jobs; those that have ended are left."""
        for job_id in ids:
            self.client.post(f"/v1/jobs/{job_id}:cancel")

    def workers(self) -> list[Job]:
        """Workers that serve, or ended lately."""
        return list(self._get("/v1/workers")["workers"])

    def _get(self, path: str, query: Job | None = None) -> Job:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return dict(answer.json())


def first_answer(platform: Platform, seconds: float) -> None:
    """Wait until the API says that it is ready."""

    def ready() -> bool:
        try:
            return platform.client.get("/readyz", timeout=3).status_code == 200
        except httpx.TransportError:
            return False

    eventually("the API is ready", seconds, ready)


def now() -> float:
    return time.monotonic()
