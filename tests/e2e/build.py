"""`python -m tests.e2e.build [--full] IMAGE:TAG BUILD...`: the images that the tests put on top of the platform's.

BUILD is a program that takes `--build-arg`, `-f`, `-t` and a folder, such as `docker build`. With `--full` those of the
long cases come, too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.images import images_from

APP = Path(__file__).with_name("app")
RABBITMQ = Path(__file__).with_name("rabbitmq")


def commands(platform: str) -> Iterator[list[str]]:
    """What BUILD is told: the image's name first, then the rest."""
    images = images_from({"WINDROW_E2E_IMAGE": platform})
    yield [images.next_platform, f"BASE={platform}", "next.Dockerfile"]
    yield [images.project, f"BASE={platform}", "Dockerfile", "PROJECT=first"]
    yield [images.next_project, f"BASE={images.next_platform}", "Dockerfile", "PROJECT=second"]


def main(*arguments: str) -> None:
    """Build them all, in order."""
    full = arguments[0] == "--full"
    platform, *build = arguments[1:] if full else arguments
    if full:
        name = images_from({"WINDROW_E2E_IMAGE": platform}).rabbitmq
        subprocess.run([*build, "-f", str(RABBITMQ / "Dockerfile"), "-t", name, str(RABBITMQ)], check=True)
    for name, base, dockerfile, *others in commands(platform):
        flags = [flag for argument in (base, *others) for flag in ("--build-arg", argument)]
        subprocess.run([*build, *flags, "-f", str(APP / dockerfile), "-t", name, str(APP)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
