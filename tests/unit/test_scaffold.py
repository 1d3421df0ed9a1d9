"""What the project says about itself."""

import socket
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError

ROOT = Path(__file__).resolve().parents[2]


def test_the_installed_version_is_the_one_pyproject_states() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version("windrow") == project["version"]


def test_the_changelog_has_a_section_for_what_is_not_released_yet() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_a_unit_test_cannot_open_a_socket() -> None:
    with pytest.warns(UserWarning, match="socket"), pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def test_no_file_of_the_repository_names_a_folder_of_one_machine() -> None:
    folders = ("/ro" + "ot/", "/ho" + "me/")
    named = [
        path.relative_to(ROOT)
        for folder in ("services", "docs", "tests", "tools")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".sql", ".lua"}
        and any(name in path.read_text(encoding="utf-8") for name in folders)
    ]
    assert named == []
