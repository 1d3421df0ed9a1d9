"""The `windrow` program: its sub-commands, and what it says when one is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psycopg
import pytest

from tests.support.databases import Databases
from windrow.cli.doors import Door

#: No site-packages, whose own start-up files may import anything.
BARE = {"PYTHONPATH": str(Path(__file__).parents[2] / "services")}
PROGRAM = [sys.executable, "-m", "windrow.cli"]


def run(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *argv], capture_output=True, text=True, timeout=50, env=env or None)


def test_the_version_is_the_packages_own() -> None:
    ran = run("--version")
    assert (ran.returncode, ran.stdout) == (0, f"windrow {metadata.version('windrow')}\n")


def test_a_misspelt_sub_command_is_refused_by_name() -> None:
    ran = run("wroker")
    assert ran.returncode == 2
    assert "wroker" in ran.stderr


def test_no_arguments_list_every_sub_command() -> None:
    ran = run()
    names = (
        "api",
        "worker",
        "beat",
        "alive",
        "exporter",
        "scaler",
        "migrate",
        "restore",
        "up",
        "down",
        "keys",
        "jobs",
        "catalog",
    )
    for name in names:
        assert name in ran.stdout + ran.stderr


def test_a_door_gets_the_arguments_after_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door("echo", "", "tests.support.echo_door")
    assert door.run(["--queues", "a,b"]) == 7
    assert json.loads(capsys.readouterr().out) == ["--queues", "a,b"]


def test_a_door_that_is_not_installed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert Door("scaler", "", "windrow.no_such_door.main").run([]) == 2
    assert capsys.readouterr().err == "windrow: `windrow scaler` is not in this installation\n"


def test_a_door_that_lacks_a_package_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert Door("needy", "", "tests.support.needy_door").run([]) == 2
    assert "the package 'no_such_package' is missing" in capsys.readouterr().err


def test_a_door_imports_no_other_door_and_no_terminal_library() -> None:
    code = """
import sys
from windrow.cli.main import main
sys.argv = ["windrow", "migrate", "--help"]
try:
    main()
except SystemExit:
    pass
rooms = ("api", "worker", "beat", "dev")
print([name for name in sys.modules if name.startswith(tuple(f"windrow.{room}" for room in rooms))], file=sys.stderr)
print([name for name in ("typer", "rich") if name in sys.modules], file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert ran.stderr == "[]\n[]\n"


def test_a_probe_costs_no_library() -> None:
    code = """
import os, sys
before = set(sys.modules)
from windrow.cli.main import main
sys.argv = ["windrow", "alive"]
try:
    main()
except SystemExit:
    pass
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}), file=sys.stdout)
"""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, timeout=50, env=BARE
    )
    assert set(ran.stdout.split()) <= {"__future__", "importlib", "warnings", "_warnings", "windrow"}, (
        ran.stderr
    )


def test_migrate_makes_the_schema_and_may_run_again(databases: Databases) -> None:
    url = databases.create(migrated=False)
    for _ in range(2):
        ran = run("migrate", "-o", "json", WINDROW_DATABASE_URL=url)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["revision"]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('windrow.jobs')").fetchone() != (None,)
    databases.drop(url)


def test_migrate_without_a_server_fails_with_the_reason_and_without_the_password() -> None:
    ran = run("migrate", WINDROW_DATABASE_URL="postgresql://windrow:secret@127.0.0.1:1/windrow")
    assert ran.returncode == 1
    assert "refused" in ran.stderr
    assert "secret" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_check_of_a_schema_waits_for_the_migration_and_changes_nothing(databases: Databases) -> None:
    url = databases.create(migrated=False)
    ran = run("migrate", "--check", WINDROW_DATABASE_URL=url)
    assert ran.returncode == 1
    assert "older than this release" in ran.stderr
    waiting = subprocess.Popen(
        [*PROGRAM, "migrate", "--check", "--wait", "40"],
        env={"WINDROW_DATABASE_URL": url},
        stdout=subprocess.PIPE,
    )
    assert run("migrate", WINDROW_DATABASE_URL=url).returncode == 0
    assert waiting.wait(50) == 0
    assert waiting.stdout is not None
    waiting.stdout.close()
    databases.drop(url)


def test_an_older_release_runs_on_a_newer_schema_and_leaves_it_alone(databases: Databases) -> None:
    url = databases.create()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE windrow.revision SET version_num = 'from_next_year'")
    for arguments in (["migrate"], ["migrate", "--check"]):
        ran = run(*arguments, WINDROW_DATABASE_URL=url)
        assert ran.returncode == 0, ran.stderr
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM windrow.revision").fetchall() == [
            ("from_next_year",)
        ]
    databases.drop(url)


def test_migrate_tries_for_as_long_as_it_was_told() -> None:
    ran = run("migrate", "--wait", "1", WINDROW_DATABASE_URL="postgresql://windrow@127.0.0.1:1/windrow")
    assert ran.returncode == 1
    assert "refused" in ran.stderr


@pytest.mark.parametrize("words", [("api",), ("worker",), ("exporter",), ("keys", "list")])
def test_a_variable_that_is_missing_is_named(words: tuple[str, ...]) -> None:
    ran = run(*words)
    assert ran.returncode == 2
    assert "WINDROW_DATABASE_URL: is not set" in ran.stderr
    assert "Traceback" not in ran.stderr
