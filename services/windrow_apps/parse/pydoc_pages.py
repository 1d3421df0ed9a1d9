"""This machine's Python library documentation as HTML pages, rendered by `pydoc` on demand."""

import contextlib
import importlib
import io
import pkgutil
import pydoc
import sys
import sysconfig
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Importing these does something: opens a browser.
NEVER_IMPORTED = frozenset({"antigravity"})
#: Packages whose submodules are programs, tests, tables or Tk windows rather than a library.
CLOSED = frozenset(
    {"distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtledemo"}
)
CACHED_PAGES = 64


class PydocPages:
    """Pages 1 to `len(names)`, one per module of the standard library, in the order of names.

    The names depend only on the Python installation: the same id is the same page after a restart.
    """

    def __init__(self, cached: int = CACHED_PAGES) -> None:
        self.names = tuple(_module_names())
        self._cached = cached
        self._cache: OrderedDict[str, str | None] = OrderedDict()
        self._lock = threading.Lock()
        self._html = _Html()

    def number(self, name: str) -> int | None:
        """The page id of a module, or None if it has no page."""
        try:
            return self.names.index(name) + 1
        except ValueError:
            return None

    def page(self, number: int) -> str | None:
        """The page as HTML; None for no such id and for a module that cannot be imported here."""
        if not 1 <= number <= len(self.names):
            return None
        name = self.names[number - 1]
        # One at a time: an import is not to be interrupted by another, and stdout is the process's.
        with self._lock:
            if name not in self._cache:
                self._cache[name] = self._render(name)
                if len(self._cache) > self._cached:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(name)
            return self._cache[name]

    def _render(self, name: str) -> str | None:
        if name in NEVER_IMPORTED:
            return None
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                module = importlib.import_module(name)
                return self._html.page(name, self._html.document(module, name))
            # SystemExit too: whatever a module does when imported, this process serves on.
            except (Exception, SystemExit):
                return None


class _Html(pydoc.HTMLDoc):
    """pydoc's HTML, with headings as headings; its own marks them by colour only."""

    def heading(self, title: str, extras: str = "") -> str:
        return f"<h1>{title}</h1>\n{extras}"

    def bigsection(self, title: str, *args: Any) -> str:
        return self.section(f"<h2>{title}</h2>", *args)


def _module_names() -> Iterator[str]:
    library = Path(sysconfig.get_path("stdlib"))
    for name in sorted(sys.stdlib_module_names):
        yield name
        if name not in CLOSED and (library / name / "__init__.py").is_file():
            yield from _submodules(library / name, name)


def _submodules(folder: Path, package: str) -> Iterator[str]:
    # By looking into the folder: importing a package to list it could run anything.
    for module in sorted(pkgutil.iter_modules([str(folder)]), key=lambda module: module.name):
        if module.name.startswith(("_", "test")):
            continue
        yield f"{package}.{module.name}"
        if module.ispkg:
            yield from _submodules(folder / module.name, f"{package}.{module.name}")
