"""The form of a store's address: what can never work is refused at the start, in words that show no password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

_DATABASE = ("postgresql", "postgres")
_REDIS = ("redis", "rediss", "sentinel", "unix")
_HOST = re.compile(r"[^\s/?#@:\[\]\\]*|\[[0-9A-Fa-f:.%]+[^\s\]]*\]")


def check_database_url(url: str) -> str:
    """`url`, when libpq may understand it: `postgresql://user:password@host:port/database`. Raises ValueError."""
    scheme = _scheme(url)
    if scheme is None and re.match(r"\s*\w+\s*=", url):
        # libpq's other form, `host=… dbname=…`.
        return url
    if scheme not in _DATABASE:
        raise _refused("its scheme is not postgresql://, e.g. postgresql://user:password@host:5432/database")
    for _ in _places(url):
        pass
    return url


def check_redis_url(url: str) -> str:
    """`url`, when it may name a Redis: `redis://`, `rediss://`, `unix://` or `sentinel://`. Raises ValueError."""
    scheme = _scheme(url)
    if scheme not in _REDIS:
        raise _refused(
            "its scheme is none of redis, rediss, sentinel and unix, e.g. redis://:password@host:6379/0"
        )
    if scheme == "unix":
        return url
    masters = []
    for part in url.split(";") if scheme == "sentinel" else [url]:
        if _scheme(part) != scheme:
            raise _refused("each of its parts must begin with sentinel://")
        for _ in _places(part):
            pass
        split = urlsplit(part)
        masters += parse_qs(split.query).get("master_name", [])
        if split.path.strip("/") and not split.path.strip("/").isdecimal():
            raise _refused("the database after the host is no number, e.g. redis://host:6379/0")
    if scheme == "sentinel" and not masters:
        raise _refused("a sentinel:// address needs ?master_name=")
    return url


def _scheme(url: str) -> str | None:
    scheme, separator, _ = url.strip().partition("://")
    return scheme.lower() if separator else None


def _places(url: str) -> Iterator[tuple[str, str]]:
    """(host, port) of each server that `url` names. Raises ValueError."""
    # By hand: libpq takes several, with commas between.
    netloc = re.split(r"[/?#]", url.strip().partition("://")[2], maxsplit=1)[0]
    for place in netloc.rpartition("@")[2].split(","):
        host, _, port = place.rpartition(":") if re.search(r":[^\]]*$", place) else (place, "", "")
        # What stands there may be a piece of a password: it is not shown.
        if port and not (port.isdecimal() and 0 < int(port) < 65_536):
            raise _refused(
                "its port is no number from 1 to 65535 (are the password's special characters %-encoded?)"
            )
        if not _HOST.fullmatch(host):
            raise _refused(
                "its host is no name and no address (are the password's special characters %-encoded?)"
            )
        yield host, port


def _refused(why: str) -> ValueError:
    return ValueError(f"the address cannot work: {why}")
