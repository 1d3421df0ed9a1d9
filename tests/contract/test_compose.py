"""compose.yaml is one that Compose takes, starts with passwords of its own, and says only what the doors read."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from windrow.apps import DEFAULT_APPS

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"api", "worker", "worker-delays", "beat", "exporter"}
pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compose") / "private" / "compose.env"
    subprocess.run([sys.executable, ROOT / "tools/compose_env.py", path], check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def services(env_file: Path) -> dict[str, Any]:
    """The services as Compose understands them."""
    command = _compose()
    if command is None:
        pytest.skip("neither `docker compose` nor docker-compose is here to read compose.yaml")
    bare = {"PATH": os.environ["PATH"], "HOME": str(env_file.parent)}
    ran = subprocess.run(
        [*command, "--env-file", env_file, "--profile", "rabbitmq", "-f", ROOT / "compose.yaml", "config"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=bare,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = yaml.safe_load(ran.stdout)["services"]
    return found


def _compose() -> list[str] | None:
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, timeout=60).returncode == 0
    ):
        return [docker, "compose"]
    older = shutil.which("docker-compose")
    return [older] if older else None


def test_passwords_are_made_once_and_are_their_owners_alone(env_file: Path) -> None:
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    made = env_file.read_text()
    assert len(set(re.findall(r"=(\S{48})\n", made))) == 4
    assert re.search(r"^WINDROW_API_KEY=wrk_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}$", made, re.MULTILINE)
    subprocess.run([sys.executable, ROOT / "tools/compose_env.py", env_file], check=True, timeout=60)
    assert env_file.read_text() == made


def test_without_passwords_it_says_what_to_run(env_file: Path) -> None:
    for name in set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yaml").read_text())):
        assert f"{name}=" in env_file.read_text(), name


def test_every_part_has_a_health_check_and_none_may_more_than_it_needs(services: dict[str, Any]) -> None:
    assert services.keys() >= DOORS | {"postgres", "redis", "mail", "flower", "migrate", "rabbitmq"}
    for name, service in services.items():
        assert name == "migrate" or "healthcheck" in service, name
        if name not in ("postgres", "rabbitmq"):
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
    published = [str(port) for service in services.values() for port in service.get("ports", ())]
    assert published
    assert all("127.0.0.1" in port for port in published)


def test_no_password_stands_on_a_command_line(services: dict[str, Any], env_file: Path) -> None:
    secrets = [line.split("=", 1)[1] for line in env_file.read_text().splitlines()]
    for name, service in services.items():
        line = " ".join(str(service.get(key, "")) for key in ("command", "entrypoint", "healthcheck"))
        assert not any(secret in line for secret in secrets), name


def test_the_workers_serve_every_app(services: dict[str, Any]) -> None:
    assert services["api"]["environment"]["WINDROW_APPS"] == DEFAULT_APPS
    served = {services[name]["environment"]["WINDROW_QUEUES"] for name in ("worker", "worker-delays")}
    moved = services["worker"]["environment"]["WINDROW_APP_QUEUES"]
    assert served == {"default", *re.findall(r"=(\w+)", moved)}
