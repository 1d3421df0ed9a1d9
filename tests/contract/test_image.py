"""The Dockerfile and what it speaks of: the locks, the programs, the doors, the files it may see."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tools.bootstrap import UV_VERSION

from tests.contract import dockerfile
from windrow.cli.doors import DOORS

ROOT = Path(__file__).parents[2]
IMAGE = dockerfile.read(ROOT / "Dockerfile")
FINAL = ("windrow", "tools")


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text())


def locked(path: str) -> dict[str, str]:
    return {package["name"]: package["version"] for package in toml(path)["package"]}


def test_every_stage_stands_on_the_base_or_on_an_earlier_stage() -> None:
    known = {"${BASE}"}
    for stage in IMAGE.stages:
        assert stage.base in known
        known.add(stage.name)


def test_what_is_fetched_is_pinned() -> None:
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", IMAGE.args["BASE"])
    assert f"UV_VERSION={UV_VERSION}" in IMAGE.stage("uv").all("ARG")
    for name in ("build", "build-tools"):
        syncs = [line for line in IMAGE.stage(name).all("RUN") if "uv sync" in line]
        assert syncs
        assert all("--frozen" in line for line in syncs)


def test_windrow_is_the_image_that_is_built_when_none_is_named() -> None:
    assert IMAGE.stages[-1].name == "windrow"


@pytest.mark.parametrize("name", FINAL)
def test_an_image_runs_as_a_user_without_rights_and_takes_only_one_folder_from_the_build(name: str) -> None:
    lineage = IMAGE.lineage(name)
    assert [user for stage in lineage for user in stage.all("USER")] == ["10001:10001"]
    copies = [line for stage in lineage for line in stage.all("COPY")]
    assert len(copies) == 1
    assert copies[0].startswith("--from=build")
    assert [line for stage in lineage for line in stage.all("STOPSIGNAL")] == ["SIGTERM"]


@pytest.mark.parametrize("name", FINAL)
def test_an_image_says_what_it_is(name: str) -> None:
    (labels,) = IMAGE.stage(name).all("LABEL")
    said = dict(pair.split("=", 1) for pair in shlex.split(labels))
    prefix = "org.opencontainers.image."
    assert set(said) == {
        f"{prefix}{key}" for key in ("title", "description", "licenses", "version", "revision")
    }
    assert said[f"{prefix}version"] == "${VERSION}"


def test_the_entry_point_is_our_program_without_a_shell() -> None:
    (entry,) = IMAGE.stage("windrow").all("ENTRYPOINT")
    assert json.loads(entry) == ["windrow"]
    assert "windrow" in toml("pyproject.toml")["project"]["scripts"]
    assert {"api", "worker", "beat", "migrate", "catalog", "alive"} <= {door.name for door in DOORS}


def test_the_tools_are_in_their_own_image_and_in_no_other() -> None:
    project = toml("pyproject.toml")["project"]
    assert not [line for line in project["dependencies"] if "flower" in line or "exporter" in line]
    tools = locked("docker/tools/uv.lock")
    assert {"flower", "prometheus-exporter-celery"} <= set(tools)
    assert "windrow" not in tools
    synced = " ".join(IMAGE.stage("build").all("RUN"))
    assert "--no-default-groups" in synced
    # An app's libraries and the traces', and nothing of a developer's.
    assert set(re.findall(r"--extra (\S+)", synced)) == {"summaries", "traces"}
    assert "--all-extras" not in synced


def test_the_tools_speak_the_celery_that_the_workers_do() -> None:
    ours, tools = locked("uv.lock"), locked("docker/tools/uv.lock")
    for name in ("celery", "kombu", "redis", "flower"):
        assert tools[name] == ours[name]


def test_a_build_sees_what_it_copies_and_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied: set[str] = set()
    for stage in IMAGE.stages:
        for line in stage.all("COPY"):
            if "--from" not in line:
                copied |= set(line.split()[:-1])
    assert allowed == copied
    assert {"**/__pycache__", "**/.venv", "**/.env"} <= set(rules)
    assert all((ROOT / path).exists() for path in allowed)
