"""The API key of a development machine: created once, kept, and made again when the API refuses it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from windrow.dev.errors import DevError
from windrow.dev.parts import door
from windrow.dev.private import write_private

FILE_NAME = "api_key"
CREATE_SECONDS = 30
HTTP_SECONDS = 5.0


def development_key(folder: Path, api_url: str, env: Mapping[str, str]) -> str:
    """The kept key while `api_url` takes it, else a new one. Raises DevError when none can be created."""
    path = folder / FILE_NAME
    if path.exists():
        key = path.read_text(encoding="utf-8").strip()
        if _accepted(api_url, key):
            return key
    key = _create(env)
    write_private(path, key)
    return key


def _accepted(api_url: str, key: str) -> bool:
    request = urllib.request.Request(f"{api_url}/v1/jobs?limit=1", headers={"Authorization": f"Bearer {key}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=HTTP_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code not in (401, 403)  # any other trouble is not the key's
    except OSError:
        return True


def _create(env: Mapping[str, str]) -> str:
    command = door("keys", "create", "--name", "dev", "--scopes", "admin", "-o", "json")
    try:
        ran = subprocess.run(
            command, env=dict(env), capture_output=True, text=True, timeout=CREATE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DevError(f"no API key: `windrow keys create` took longer than {CREATE_SECONDS} s") from error
    if ran.returncode:
        raise DevError(f"no API key: `windrow keys create` failed: {(ran.stderr or ran.stdout).strip()}")
    try:
        return str(json.loads(ran.stdout)["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise DevError("no API key: `windrow keys create` printed no JSON object with `key`") from error
