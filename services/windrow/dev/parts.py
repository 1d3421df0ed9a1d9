"""The parts that `windrow up` runs, and when each is ready."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from windrow.apps import DEFAULT_QUEUE, app_queues, find_apps
from windrow.dev.addresses import Addresses
from windrow.dev.part import Part
from windrow.dev.ready import Answers, Says

#: Workers and beat finish first, while the API still answers for them.
WORKING, ANSWERING = 2, 1

#: Stock Celery's own words, at its default log level.
WORKER_READY = r"\bready\b"
BEAT_READY = r"(?i)beat.*(start|ready)"
EXPORTER_READY = "exporter is ready"
CATCHER, CATCHER_READY = "windrow_apps.mailroom.catcher", "catcher is ready"


def door(name: str, *args: str) -> tuple[str, ...]:
    """The command line of `windrow <name>`, by the Python that runs now."""
    return (sys.executable, "-m", "windrow.cli", name, *args)


def parts(addresses: Addresses, env: Mapping[str, str], drain_seconds: float) -> list[Part]:
    """API, workers, beat and exporter; Flower, the parse app's source and the mail server when they have a port."""
    found = [
        Part("api", door("api"), env, lambda: Answers(f"{addresses.api_url}/readyz"), ANSWERING),
        _worker("worker", env, drain_seconds),
        *(_worker(f"worker-{queue}", own, drain_seconds) for queue, own in _own_workers(env).items()),
        Part("beat", door("beat"), env, lambda: Says(BEAT_READY), WORKING, drain_seconds),
        Part("exporter", door("exporter"), env, lambda: Says(EXPORTER_READY), ANSWERING),
    ]
    if addresses.flower_port:
        found.append(_flower(addresses, env))
    if addresses.source_port:
        command = (
            sys.executable,
            "-m",
            "windrow_apps.parse.pydoc_source",
            "--port",
            str(addresses.source_port),
        )
        found.append(Part("source", command, env, lambda: Says("^http://"), ANSWERING))
    if addresses.smtp_port:
        found.append(_catcher(addresses, env))
    return found


def _worker(name: str, env: Mapping[str, str], drain_seconds: float) -> Part:
    return Part(
        name, door("worker"), env, lambda: Says(WORKER_READY), WORKING, drain_seconds, gives_back=True
    )


def _own_workers(env: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The environment of a worker for each queue of an app that the first one does not serve. Raises LookupError."""
    if env.get("WINDROW_CELERY_APP"):
        return {}
    served = env.get("WINDROW_QUEUES", DEFAULT_QUEUE).split(",")
    moved = app_queues(env.get("WINDROW_APP_QUEUES", ""))
    found: dict[str, dict[str, str]] = {}
    for spec in find_apps(env.get("WINDROW_APPS", "")):
        queue = moved.get(spec.name, spec.queue)
        if queue is not None and queue not in served:
            own = found.setdefault(queue, {**env, "WINDROW_POOL": queue, "WINDROW_QUEUES": queue})
            if spec.concurrency is not None:
                own["WINDROW_CONCURRENCY"] = str(spec.concurrency)
    return found


def _catcher(addresses: Addresses, env: Mapping[str, str]) -> Part:
    ports = ("--smtp-port", str(addresses.smtp_port), "--http-port", str(addresses.mail_port))
    command = (sys.executable, "-m", CATCHER, *ports)
    return Part("mails", command, env, lambda: Says(CATCHER_READY), ANSWERING)


def _flower(addresses: Addresses, env: Mapping[str, str]) -> Part:
    flower_env = {
        **env,
        # Celery and Flower read these; on the command line everybody could.
        "CELERY_BROKER_URL": addresses.redis_url,
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(addresses.flower_port),
    }
    command = (sys.executable, "-m", "celery", "flower")
    return Part(
        "flower", command, flower_env, lambda: Answers(f"{addresses.flower_url}/healthcheck"), ANSWERING
    )
