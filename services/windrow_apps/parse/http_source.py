"""Pages over HTTP, with a bound on everything: time, bytes, connections, redirects."""

import asyncio
from types import TracebackType
from typing import Self

import httpx

from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.models import Answer
from windrow_apps.parse.settings import ParseSettings

#: Statuses that speak for the whole source, not for one page: come again later.
NOT_NOW = frozenset({429, 502, 503, 504})
GONE = frozenset({404, 410})
MAX_REDIRECTS = 5
USER_AGENT = "windrow-parse/1"


class HttpSource:
    """Asks `<template with the id>`; at most `parallelism` requests are in flight."""

    def __init__(self, template: str, settings: ParseSettings) -> None:
        self._template = template
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.parallelism)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.page_seconds, connect=settings.connect_seconds),
            limits=httpx.Limits(max_connections=settings.parallelism),
            headers={"User-Agent": USER_AGENT, "Accept": "text/html, */*;q=0.1"},
            # The environment belongs to the entry points.
            trust_env=False,
            proxy=settings.proxy,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def fetch(self, page_id: int) -> Answer:
        """The answer for one page id. Raises SourceUnavailable, with the reason in words."""
        url = self._template.replace("{id}", str(page_id))
        async with self._turns:
            try:
                return await self._ask(url)
            except httpx.RemoteProtocolError:
                # A kept-alive connection may be closed just as it is used again: once more.
                pass
            return await self._ask(url, last=True)

    async def _ask(self, url: str, last: bool = False) -> Answer:
        try:
            async with asyncio.timeout(self._settings.page_seconds):
                return await self._follow(self._client.build_request("GET", url))
        except TimeoutError:
            raise SourceUnavailable(f"{url} was not read within {self._settings.page_seconds:g} s") from None
        except httpx.RemoteProtocolError as error:
            if not last:
                raise
            raise SourceUnavailable(f"{url}: {error}") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise SourceUnavailable(f"{url}: {reason}") from error

    async def _follow(self, request: httpx.Request) -> Answer:
        home = request.url
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._client.send(request, stream=True)
            try:
                target = response.next_request
                if target is None:
                    return await self._read(response)
                # A source must not lead the worker to other services of its network.
                if not _same_site(target.url, home):
                    where = f"leads to another site: {target.url.scheme}://{target.url.host}"
                    return Answer(str(request.url), response.status_code, problem=where)
                request = target
            finally:
                await response.aclose()
        return Answer(str(request.url), response.status_code, problem="too many redirects")

    async def _read(self, response: httpx.Response) -> Answer:
        url, status = str(response.url), response.status_code
        if status in NOT_NOW:
            raise SourceUnavailable(f"{url} answered {status} {response.reason_phrase}")
        if status in GONE:
            return Answer(url, status, problem="there is no such page")
        if not response.is_success:
            return Answer(url, status, problem=f"{status} {response.reason_phrase}")
        kind = response.headers.get("Content-Type", "text/html").partition(";")[0].strip().lower()
        if kind not in ("text/html", "application/xhtml+xml"):
            return Answer(url, status, problem=f"not HTML: {kind[:100]}")
        body = bytearray()
        try:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > self._settings.page_bytes:
                    limit = f"longer than {self._settings.page_bytes} bytes"
                    return Answer(url, status, problem=limit)
        except httpx.DecodingError as error:
            return Answer(url, status, problem=f"the body cannot be decoded: {error}")
        return Answer(url, status, bytes(body), response.charset_encoding)


def _same_site(target: httpx.URL, home: httpx.URL) -> bool:
    # No port is the scheme's own: http to https of one host is the usual redirect.
    return (
        target.scheme in ("http", "https") and target.host == home.host and target.port in (None, home.port)
    )
