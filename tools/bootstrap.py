"""Make the project's environment in `.venv` with uv, and fetch uv itself when the machine has none.

Runs on any python3 from 3.8 on, with the standard library only, and says each step as it does it.
The project itself runs on Python 3.11 or 3.12; uv finds one or installs it.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, NoReturn, Optional

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".windrow" / "tools"
STAMP = ROOT / ".venv" / ".complete"
UV_VERSION = "0.13.9"
#: The oldest uv on PATH that is used as it is; pyproject.toml states the same floor.
UV_FLOOR = (0, 9)
#: The embedded Redis has wheels for these only.
PYTHONS = ">=3.11,<3.13"
#: With a Redis server on PATH the embedded one is not needed.
PYTHONS_WITH_REDIS = ">=3.11"
PIP_SECONDS = 600
SYNC_SECONDS = 1800


def say(line: str) -> None:
    """Print one step, at once."""
    print(f"[setup] {line}", flush=True)


def give_up(*lines: str) -> NoReturn:
    """Print what is missing and what to do, and exit 1."""
    for line in lines:
        print(f"[setup] {line}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def works(command: List[str]) -> bool:
    """Whether a command exists and exits 0; its output is dropped."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def uv_on_path() -> Optional[str]:
    """The uv on PATH, if there is one that is new enough."""
    found = shutil.which("uv")
    if found is None:
        say("uv is not on PATH")
        return None
    try:
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        answer = ""
    version = re.search(r"(\d+)\.(\d+)", answer)
    if version is None or tuple(map(int, version.groups())) < UV_FLOOR:
        say(f"{found} is older than {UV_FLOOR[0]}.{UV_FLOOR[1]} or broken ({answer.strip()!r}): not used")
        return None
    say(f"using {found} ({answer.strip()})")
    return found


def uv_fetched() -> str:
    """A uv of our own below `.windrow/tools`, installed by pip when it is not there yet."""
    home = TOOLS / f"uv-{UV_VERSION}"
    uv = home / "bin" / "uv"
    if works([str(uv), "--version"]):
        say(f"using uv {UV_VERSION}, fetched before into {home.relative_to(ROOT)}")
        return str(uv)
    shutil.rmtree(str(home), ignore_errors=True)
    TOOLS.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip"]
    target = ["--target", str(home)]
    if not works([*pip, "--version"]):
        say(f"this python3 has no pip: making a virtual environment for one in {home.relative_to(ROOT)}")
        if not works([sys.executable, "-m", "venv", str(home)]):
            give_up(
                f"{sys.executable} ({sys.version.split()[0]}) has neither pip nor ensurepip, so uv cannot be fetched.",
                "Do one of these, then run make again:",
                "  apt-get install python3-venv      (Debian, Ubuntu; or python3-pip)",
                "  install uv itself: https://docs.astral.sh/uv/getting-started/installation/",
            )
        pip, target = [str(home / "bin" / "python"), "-m", "pip"], []
    say(f"fetching uv {UV_VERSION} with pip into {home.relative_to(ROOT)}")
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:"]
    command = [*pip, "install", *options, *target, f"uv=={UV_VERSION}"]
    # It warns root about system packages, which --target does not touch.
    env = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    try:
        done = subprocess.run(command, env=env, timeout=PIP_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        done = False
    if not done or not works([str(uv), "--version"]):
        shutil.rmtree(str(home), ignore_errors=True)
        give_up(f"pip could not install uv {UV_VERSION} (its reason stands above).")
    return str(uv)


def environment() -> Dict[str, str]:
    """What uv is run with: the environment is ours whoever calls us, and no home directory is needed."""
    env = dict(os.environ)
    env.pop("VIRTUAL_ENV", None)
    env["UV_PROJECT_ENVIRONMENT"] = str(ROOT / ".venv")
    if not os.access(os.path.expanduser("~"), os.W_OK):
        env.setdefault("UV_CACHE_DIR", str(TOOLS / "cache"))
        env.setdefault("UV_PYTHON_INSTALL_DIR", str(TOOLS / "python"))
    return env


def python_for_project(uv: str, env: Dict[str, str]) -> str:
    """The path of an interpreter that the project runs on; uv installs one when there is none."""
    redis = shutil.which("redis-server") or shutil.which("valkey-server")
    wanted = [PYTHONS] + ([PYTHONS_WITH_REDIS] if redis else [])
    for versions in wanted:
        # Not what an old .venv says: it may be gone or of the wrong version.
        found = subprocess.run(
            [uv, "python", "find", "--no-project", "--system", versions],
            env=env,
            cwd=str(ROOT),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if found.returncode == 0:
            say(f"using Python {found.stdout.strip()}")
            return found.stdout.strip()
    say("no Python 3.11 or 3.12 here: uv installs Python 3.12 (from GitHub)")
    command = [uv, "python", "install", "--no-bin", "3.12"]
    if subprocess.run(command, env=env, cwd=str(ROOT), timeout=PIP_SECONDS).returncode != 0:
        give_up(
            "Windrow needs Python 3.11 or 3.12, none was found, and uv could not download one (see above).",
            "uv gets interpreters from GitHub; package registries alone do not have them. Do one of these:",
            "  apt-get install python3.11        (or your system's, pyenv's, conda's 3.11 or 3.12 on PATH)",
            "  UV_PYTHON_INSTALL_MIRROR=<url>    (a mirror of python-build-standalone)",
            "  a redis-server on PATH            (then a newer Python than 3.12 will do)",
        )
    return "3.12"


def main() -> None:
    """Bring `.venv` in line with uv.lock."""
    started = time.monotonic()
    if sys.version_info < (3, 8):  # noqa: UP036 - it is here to meet an older one
        give_up(f"python3 is {sys.version.split()[0]}; 3.8 is the oldest that can set Windrow up.")
    env = environment()
    uv = uv_on_path() or uv_fetched()
    python = python_for_project(uv, env)
    say("installing what uv.lock names into .venv (the first time downloads about 100 MB)")
    command = [uv, "sync", "--locked", "--all-extras", "--python", python]
    if subprocess.run(command, env=env, cwd=str(ROOT), timeout=SYNC_SECONDS).returncode != 0:
        give_up("uv could not make the environment (its reason stands above).")
    STAMP.touch()
    say(f"ready in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
