"""Check what no linter knows: a file of the house holds one idea, so it stays under 300 lines."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 300
SUFFIXES = {".py", ".sql", ".lua"}


def too_long(folder: Path) -> list[tuple[int, Path]]:
    """Lines and path of each source file over the limit, longest first."""
    sizes = [
        (len(path.read_text(encoding="utf-8").splitlines()), path)
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
    ]
    return sorted((size for size in sizes if size[0] > MAX_LINES), reverse=True)


def main() -> int:
    """Print each file over the limit; the exit code is 1 if there is one."""
    found = too_long(ROOT / "services")
    for lines, path in found:
        print(f"{path.relative_to(ROOT)}: {lines} lines, over {MAX_LINES}: give its second idea a file")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
