"""Run Python with what compiles and draws dashboards, in `.windrow/tools/dashboards`; the project's own never has it.

usage: python -m tools.dashboards ARGUMENTS...    (as for python: -m infra.dashboards)
"""

import os
import subprocess
import sys
from pathlib import Path

from tools.go_tools import ROOT, uv

HOME = ROOT / ".windrow" / "tools" / "dashboards"
SYNC_SECONDS = 600


def made() -> bool:
    """Is the environment there?"""
    return (HOME / "bin" / "python").exists()


def python() -> Path:
    """The environment's interpreter, after bringing the environment to what uv.lock names."""
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(HOME)}
    env.pop("VIRTUAL_ENV", None)
    command = [uv(), "sync", "--quiet", "--frozen", "--only-group", "dashboards", "--python", sys.executable]
    subprocess.run(command, cwd=ROOT, env=env, timeout=SYNC_SECONDS, check=True)
    return HOME / "bin" / "python"


if __name__ == "__main__":
    sys.exit(subprocess.run([str(python()), *sys.argv[1:]], cwd=ROOT).returncode)
