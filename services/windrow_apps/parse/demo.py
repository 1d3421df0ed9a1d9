"""The first thing to see: this machine's Python documentation, parsed as a job over HTTP."""

import time
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

REQUEST_SECONDS = 10.0
POLL_SECONDS = 0.3
RUN_SECONDS = 900.0
ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})


def run(
    api_url: str,
    api_key: str | None,
    out: Console,
    source_url: str,
    flower_url: str | None = None,
) -> bool:
    """Parse all pages of the running pydoc source as one job; show progress, result and addresses.

    `source_url` is the template that the workers have as WINDROW_PARSE_SOURCE. Answers whether
    the job succeeded; False, with the reason printed, also when API or source do not answer.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    api = httpx.Client(base_url=api_url, headers=headers, timeout=REQUEST_SECONDS, trust_env=False)
    started = time.monotonic()
    with api:
        try:
            pages = _count(source_url)
            answer = api.post("/parse", params={"start_id": 1, "end_id": pages})
            answer.raise_for_status()
            task_id = answer.json()["task_id"]
            out.print(f"parse: job {task_id}: {pages} pages of Python documentation")
            status = _watch(api, task_id, pages, out)
        except (httpx.HTTPError, TimeoutError) as error:
            out.print(f"[red]parse: the demo did not finish: {error}")
            return False
    _show(out, status, time.monotonic() - started)
    _addresses(out, api_url, task_id, flower_url)
    return bool(status["state"] == "SUCCESS")


def _count(source_url: str) -> int:
    index = httpx.URL(source_url).copy_with(path="/index.json")
    answer = httpx.get(index, timeout=REQUEST_SECONDS, trust_env=False)
    return int(answer.raise_for_status().json()["pages"])


def _watch(api: httpx.Client, task_id: str, pages: int, out: Console) -> dict[str, Any]:
    deadline = time.monotonic() + RUN_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=out) as progress:
        bar = progress.add_task("parse: PENDING", total=pages)
        while time.monotonic() < deadline:
            status = _status(api, task_id)
            progress.update(
                bar,
                description=f"parse: {status['state']}",
                completed=pages if status["state"] == "SUCCESS" else status.get("current"),
            )
            if status["state"] in ENDED:
                return status
            time.sleep(POLL_SECONDS)
    raise TimeoutError(f"job {task_id} did not end within {RUN_SECONDS:g} s")


def _status(api: httpx.Client, task_id: str) -> dict[str, Any]:
    answer = api.get(f"/parse/status/{task_id}")
    answer.raise_for_status()
    status: dict[str, Any] = answer.json()
    return status


def _show(out: Console, status: dict[str, Any], seconds: float) -> None:
    if status["state"] != "SUCCESS":
        out.print(f"[red]parse: {status['state']}: {status.get('error') or status['status']}")
        return
    table = Table(title="parse: result", title_justify="left", show_header=False)
    for name, value in status["result"].items():
        table.add_row(name, f"{value:,}")
    table.add_row("seconds", f"{seconds:.1f}")
    out.print(table)


def _addresses(out: Console, api_url: str, task_id: str, flower_url: str | None) -> None:
    base = api_url.rstrip("/")
    out.print(f"API docs    {base}/docs")
    out.print(f"this job    {base}/v1/jobs/{task_id}")
    out.print(f"its status  {base}/parse/status/{task_id}")
    if flower_url:
        out.print(f"Flower      {flower_url.rstrip('/')}/task/{task_id}")
