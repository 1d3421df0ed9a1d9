"""Which images the cluster has: names by environment, the others derived from the first."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Images(NamedTuple):
    """`repository:tag` each."""

    #: Every door of the platform.
    platform: str
    #: Flower and celery-exporter.
    tools: str
    #: A Celery project on top of it.
    project: str
    #: Both one release later: a migration more, a task more.
    next_platform: str
    next_project: str
    #: A RabbitMQ with its management plugin, for the long cases; the official one will do.
    rabbitmq: str


def images_from(environ: Mapping[str, str]) -> Images:
    """What the variables name: only the first is usually set."""
    platform = environ.get("WINDROW_E2E_IMAGE") or f"windrow:{_version()}"
    tag = split(platform)[1]
    project = environ.get("WINDROW_E2E_PROJECT_IMAGE") or f"windrow-e2e:{tag}"
    return Images(
        platform=platform,
        tools=environ.get("WINDROW_E2E_TOOLS_IMAGE") or f"windrow-tools:{tag}",
        project=project,
        next_platform=f"{platform}-next",
        next_project=f"{project}-next",
        rabbitmq=environ.get("WINDROW_E2E_RABBITMQ_IMAGE") or f"windrow-e2e-rabbitmq:{tag}",
    )


def split(image: str) -> tuple[str, str]:
    """Repository and tag; a registry's port is no tag."""
    repository, _, tag = image.rpartition(":")
    if not repository or "/" in tag:
        raise ValueError(f"{image} has no tag")
    return repository, tag


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def main() -> None:
    """Print them, a line each, for whoever builds them."""
    import os

    for name, image in images_from(os.environ)._asdict().items():
        print(name, image)  # noqa: T201 - a shell script reads it


if __name__ == "__main__":
    main()
