"""docs/settings.md against the source: the tables are those of today, and no variable is read that it lacks."""

from __future__ import annotations

import ast

from tools.settings_page import PAGE, SERVICES, page


def test_the_page_is_what_make_settings_writes() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "run `make settings`"


def test_what_is_read_without_a_settings_class_is_on_the_page_with_its_reader() -> None:
    text = PAGE.read_text("utf-8")
    read = _read_by_name()
    assert "WINDROW_API_KEY" in read
    assert sorted(name for name in read if f"`{name}`" not in text) == []


def _read_by_name() -> set[str]:
    """Each NAME of `environ.get("NAME")`, `getenv("NAME")` and `environ["NAME"]`."""
    names = set()
    for path in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                source, name = ast.unparse(node.func), node.args[0]
                read = source.endswith(("environ.get", "getenv", "environ.pop"))
            elif isinstance(node, ast.Subscript):
                source, name = ast.unparse(node.value), node.slice
                read = source.endswith("environ")
            else:
                continue
            if read and isinstance(name, ast.Constant):
                names.add(str(name.value))
    # The system's own, and WSGI's.
    return names - {"PATH", "PATH_INFO"}
