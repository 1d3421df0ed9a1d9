"""The suite's tasks as an app: `WINDROW_APPS=tests.monitoring.specs:APP`."""

from windrow.apps import AppSpec

APP = AppSpec("monitored", "tests.monitoring.tasks")
