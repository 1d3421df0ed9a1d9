"""Redis clients from a URL: redis://, rediss://, unix://, and sentinel:// as kombu spells it.

`sentinel://[user:password@]host:port;sentinel://host:port/db?master_name=name`: the options may stand in any
of the parts; credentials are the Redis servers', as with kombu. `&ssl=true` is TLS to Sentinels and servers, with
redis-py's `ssl_` options, such as `&ssl_ca_certs=/etc/ca.crt`; each implies it.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry


class _Sentinels(NamedTuple):
    hosts: list[tuple[str, int]]
    master: str
    options: dict[str, Any]
    #: redis-py's options of TLS; none without.
    tls: dict[str, str]

    def parts(self, times: dict[str, Any]) -> dict[str, Any]:
        """What redis.Sentinel takes besides hosts: for the servers, and for the Sentinels, which know no such user."""
        ssl = {"ssl": True, **self.tls} if self.tls else {}
        return {"sentinel_kwargs": {**times, **ssl}, **ssl, **self.options}


def connect(url: str, timeout: float, size: int) -> Any:
    """A thread-safe, fork-aware blocking client (redis.Redis) with at most `size` connections; connects at first use.

    Every wait takes at most `timeout` seconds. A connection that was found dead is replaced once; a
    command that timed out is not sent again.
    """
    options: dict[str, Any] = _times(timeout)
    options["retry"] = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    if url.startswith("sentinel://"):
        at = _sentinels(url)
        sentinel = redis.Sentinel(at.hosts, **options, **at.parts(_times(timeout)))
        return sentinel.master_for(at.master, max_connections=size)
    pool = redis.BlockingConnectionPool.from_url(url, max_connections=size, timeout=timeout, **options)
    return redis.Redis(connection_pool=pool)


def connect_async(url: str, timeout: float, size: int, *, bounded: bool = True) -> Any:
    """The same on asyncio (a redis.asyncio.Redis).

    Not `bounded`: the caller limits each command itself. The library makes a task of every write for its own limit,
    which costs a turn of the event loop before the first byte goes.
    """
    options: dict[str, Any] = _times(timeout)
    if not bounded:
        options["socket_timeout"] = None
    options["retry"] = AsyncRetry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    if url.startswith("sentinel://"):
        at = _sentinels(url)
        sentinel = redis.asyncio.Sentinel(at.hosts, **options, **at.parts(_times(timeout)))
        return sentinel.master_for(at.master, max_connections=size)
    pool: Any = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=size, timeout=timeout, **options
    )
    return redis.asyncio.Redis(connection_pool=pool)


def celery_broker(url: str) -> tuple[str, dict[str, Any]]:
    """`url` as Celery's `broker_url`, and the `broker_transport_options` that belong to it."""
    if not url.startswith("sentinel://"):
        return url, {}
    plain = ";".join(urlunsplit(urlsplit(part)._replace(query="")) for part in url.split(";"))
    at = _sentinels(url)
    return plain, {
        "master_name": at.master,
        **({"sentinel_kwargs": {"ssl": True, **at.tls}} if at.tls else {}),
    }


def celery_tls(url: str) -> dict[str, str] | None:
    """Celery's `broker_use_ssl` for `url`; None where the URL alone tells kombu."""
    return (_sentinels(url).tls or None) if url.startswith("sentinel://") else None


def _times(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "socket_keepalive": True,
        "health_check_interval": 0,
    }


def _sentinels(url: str) -> _Sentinels:
    hosts: list[tuple[str, int]] = []
    master, options, tls = "", dict[str, Any](), dict[str, str]()
    for part in url.split(";"):
        split = urlsplit(part)
        hosts.append((split.hostname or "127.0.0.1", split.port or 26379))
        if split.path.strip("/"):
            options["db"] = int(split.path.strip("/"))
        if split.username:
            options["username"] = unquote(split.username)
        if split.password:
            options["password"] = unquote(split.password)
        for name, (*_, value) in parse_qs(split.query).items():
            if name == "master_name":
                master = value
            elif name.startswith("ssl_") or (name == "ssl" and value.lower() in ("true", "1", "yes")):
                tls |= {"ssl_cert_reqs": tls.get("ssl_cert_reqs", "required")}
                tls |= {name: value} if name != "ssl" else {}
    if not master:
        raise ValueError("a sentinel:// URL needs ?master_name=")
    return _Sentinels(hosts, master, options, tls)
