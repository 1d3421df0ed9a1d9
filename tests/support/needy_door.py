"""A door whose package is not installed."""

from __future__ import annotations

from importlib import import_module

import_module("no_such_package")
