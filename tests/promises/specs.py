"""The tests' tasks as apps: `WINDROW_APPS=tests.promises.specs:PRESENT`."""

from windrow.apps import AppSpec

PRESENT = AppSpec("promises", "tests.promises.tasks")
NEWER = AppSpec("newer", "tests.promises.newer_tasks")
