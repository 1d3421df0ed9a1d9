"""When does a part count as ready: it said so in its log, or it answers over HTTP."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import Protocol

HTTP_SECONDS = 2.0


class Ready(Protocol):
    """One start of one part; a restart gets a new one."""

    def heard(self, line: str) -> None:
        """The part printed `line`. Called from the thread that reads its output."""
        ...

    def met(self) -> bool:
        """Is the part ready? Asked again and again until it is."""
        ...


class Says:
    """Ready once a line of its log matches."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._said = False

    def heard(self, line: str) -> None:
        self._said = self._said or bool(self._pattern.search(line))

    def met(self) -> bool:
        return self._said


class Answers:
    """Ready once `url` answers 200."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Loopback is not for a proxy, whatever the environment says.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def heard(self, line: str) -> None:
        pass

    def met(self) -> bool:
        try:
            with self._open(self._url, timeout=HTTP_SECONDS) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):  # refused, timed out, or an answer that is not HTTP
            return False
