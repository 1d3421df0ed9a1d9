"""`windrow jobs`: submit jobs and look at them, over the HTTP API.

Exit status: 0 succeeded, 1 the job failed, 2 usage or refused, 3 cancelled or expired, 124 not ended in time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any
from urllib.parse import quote

import httpx

FAILED, USAGE, CANCELLED, TIMED_OUT = 1, 2, 3, 124
_STATUS = {"succeeded": 0, "failed": FAILED, "cancelled": CANCELLED, "expired": CANCELLED}
#: Seconds that one request may wait for a job; longer waits ask again.
_WAIT_STEP_SECONDS = 20


def main(argv: list[str]) -> int:
    """Do what `argv` says with WINDROW_API_URL and WINDROW_API_KEY; returns the exit status."""
    options = _parser().parse_args(argv)
    url = os.environ.get("WINDROW_API_URL", "http://127.0.0.1:8000")
    key = os.environ.get("WINDROW_API_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=_WAIT_STEP_SECONDS + 10) as client:
            status: int = options.run(client, options)
            return status
    except _Refused as refused:
        sys.stderr.write(f"windrow jobs: {refused}\n")
        return USAGE
    except httpx.HTTPError as exc:
        sys.stderr.write(f"windrow jobs: {url} does not answer: {exc}\n")
        return USAGE


class _Refused(Exception):
    """The API said no, and why."""


def _submit(client: httpx.Client, options: argparse.Namespace) -> int:
    try:
        body: dict[str, Any] = {"task": options.task, "input": json.loads(options.input)}
    except ValueError as exc:
        raise _Refused(f"--input is not JSON: {exc}") from exc
    for name in ("queue", "priority", "delay", "run_at"):
        if getattr(options, name) is not None:
            body[name] = getattr(options, name)
    headers = {"Idempotency-Key": options.idempotency_key} if options.idempotency_key else {}
    job = _call(client, "POST", "/v1/jobs", json=body, headers=headers)
    return _wait_for(client, job["id"], options) if options.wait is not None else _show(job, options)


def _get(client: httpx.Client, options: argparse.Namespace) -> int:
    return _show(_call(client, "GET", _path(options.id)), options)


def _wait(client: httpx.Client, options: argparse.Namespace) -> int:
    return _wait_for(client, options.id, options)


def _act(client: httpx.Client, options: argparse.Namespace) -> int:
    return _show(_call(client, "POST", f"{_path(options.id)}:{options.action}"), options)


def _list(client: httpx.Client, options: argparse.Namespace) -> int:
    wanted = {name: getattr(options, name) for name in ("state", "task", "queue", "tag", "limit")}
    page = _call(client, "GET", "/v1/jobs", params={k: v for k, v in wanted.items() if v is not None})
    if options.output == "json":
        sys.stdout.write(json.dumps(page) + "\n")
    else:
        for job in page["jobs"]:
            _show(job, options)
    return 0


def _wait_for(client: httpx.Client, job_id: str, options: argparse.Namespace) -> int:
    deadline = time.monotonic() + options.wait
    while True:
        left = max(0, min(_WAIT_STEP_SECONDS, int(deadline - time.monotonic())))
        job = _call(client, "GET", _path(job_id), headers={"Prefer": f"wait={left}"})
        if job["state"] in _STATUS or time.monotonic() >= deadline:
            _show(job, options)
            return _STATUS.get(job["state"], TIMED_OUT)


def _call(client: httpx.Client, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
    answer = client.request(method, path, **kwargs)
    try:
        body: dict[str, Any] = answer.json()
    except ValueError:
        raise _Refused(f"{answer.status_code} {answer.reason_phrase}") from None
    if answer.is_error:
        fixes = "".join(f"\n  {e.get('pointer')}: {e.get('fix')}" for e in body.get("errors") or ())
        raise _Refused(f"{answer.status_code} {body.get('detail') or body.get('title')}{fixes}")
    return body


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _show(job: dict[str, Any], options: argparse.Namespace) -> int:
    if options.output == "json":
        sys.stdout.write(json.dumps(job) + "\n")
        return 0
    parts = [job["id"], job.get("state", ""), job.get("task", "")]
    if job.get("error"):
        parts.append(f"{job['error']['type']}: {job['error']['message']}")
    elif job.get("result") is not None:
        parts.append(json.dumps(job["result"]))
    sys.stdout.write("  ".join(parts) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser = argparse.ArgumentParser(prog="windrow jobs", description=__doc__)
    commands = parser.add_subparsers(required=True)

    submit = commands.add_parser("submit", parents=[shared], help="submit one job")
    submit.add_argument("task")
    submit.add_argument("--input", default="{}", help="JSON: an object of keyword arguments, or an array")
    submit.add_argument("--queue")
    submit.add_argument("--priority", type=int)
    submit.add_argument("--delay", type=float, help="seconds")
    submit.add_argument("--run-at", dest="run_at", help="ISO 8601 with offset")
    submit.add_argument("--idempotency-key", dest="idempotency_key")
    submit.add_argument("--wait", type=float, help="seconds to wait for its end")
    submit.set_defaults(run=_submit)

    for name, run in (("get", _get), ("wait", _wait)):
        command = commands.add_parser(name, parents=[shared], help=f"{name} one job")
        command.add_argument("id")
        command.add_argument("--wait", "--timeout", type=float, default=60.0, help="seconds")
        command.set_defaults(run=run)
    for name in ("cancel", "retry", "replay"):
        command = commands.add_parser(name, parents=[shared], help=f"{name} one job")
        command.add_argument("id")
        command.set_defaults(run=_act, action=name)

    listing = commands.add_parser(
        "list",
        parents=[shared],
        help="jobs, the highest id first: ids that the API made are in the order of time",
    )
    for name in ("state", "task", "queue", "tag"):
        listing.add_argument(f"--{name}")
    listing.add_argument("--limit", type=int, default=20)
    listing.set_defaults(run=_list)
    return parser
