"""What every test has: unit tests without sockets, and real servers for those who ask."""

from __future__ import annotations

import pytest
import pytest_socket

pytest_plugins = ["tests.support.fixtures"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.is_relative_to(item.config.rootpath / "tests" / "unit"):
        pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
