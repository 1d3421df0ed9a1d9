"""What one API process is made of, put together once and handed to every route."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import Request

from windrow.api.acceptor import Acceptor
from windrow.api.auth import Keyring
from windrow.api.catalog import Catalog
from windrow.api.intake import Intake
from windrow.api.metrics import Metrics
from windrow.api.outbox import Outbox
from windrow.api.settings import ApiSettings
from windrow.api.slots import Slots
from windrow.api.tokens import TokenRules, Tokens
from windrow.api.waiting import Waiting
from windrow.broker.async_depth import AsyncDepth
from windrow.broker.async_publisher import AsyncPublisher
from windrow.broker.channels import WakeUps
from windrow.store.async_ledger import AsyncLedger


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the routes."""

    settings: ApiSettings
    ledger: AsyncLedger
    publisher: AsyncPublisher
    wakeups: WakeUps
    depth: AsyncDepth
    metrics: Metrics
    catalog: Catalog
    keyring: Keyring
    #: None where no tokens are taken.
    tokens: Tokens | None
    outbox: Outbox
    intake: Intake
    acceptor: Acceptor
    waiting: Waiting
    #: Open event streams.
    streams: Slots


def make_services(settings: ApiSettings) -> Services:
    """Every part, connected to nothing yet."""
    redis_url = settings.redis_url.get_secret_value()
    ledger = AsyncLedger(
        settings.database_url.get_secret_value(),
        size=settings.api_connections,
        prepare=settings.prepared_statements,
        acquire_timeout=settings.api_ledger_seconds,
        statement_timeout=settings.api_statement_seconds,
    )
    publisher = AsyncPublisher(redis_url, settings.window)
    metrics = Metrics()
    catalog = Catalog(ledger, settings.api_catalog_seconds)
    outbox = Outbox(publisher, ledger, metrics)
    wakeups = WakeUps(redis_url)
    tokens = _tokens(settings)
    return Services(
        settings=settings,
        ledger=ledger,
        publisher=publisher,
        wakeups=wakeups,
        depth=AsyncDepth(redis_url),
        metrics=metrics,
        catalog=catalog,
        keyring=Keyring(ledger, settings.api_key_cache_seconds, settings.api_auth, tokens),
        tokens=tokens,
        outbox=outbox,
        intake=Intake(catalog, settings.api_input_bytes, traced=bool(settings.traces_endpoint)),
        acceptor=Acceptor(ledger, catalog, outbox, metrics, settings.api_batch_max, settings.api_pending_max),
        waiting=Waiting(ledger, wakeups, settings.api_reread_seconds),
        streams=Slots(settings.api_streams_max, metrics.streams),
    )


def _tokens(settings: ApiSettings) -> Tokens | None:
    audience = settings.api_token_audience
    if not audience:
        return None
    # Its HTTP client is a tenth of the start-up: only who takes tokens pays for it.
    from windrow.api.token_review import TokenReviewer

    reviewer = TokenReviewer(
        settings.kubernetes_url, settings.kubernetes_credentials, audience, settings.api_token_review_seconds
    )
    rules = TokenRules(
        audience,
        settings.api_subjects,
        seconds=settings.api_token_cache_seconds,
        refused_seconds=settings.api_token_refused_seconds,
        reviews_max=settings.api_token_reviews_max,
    )
    return Tokens(reviewer, rules)


@asynccontextmanager
async def running(services: Services) -> AsyncIterator[None]:
    """Open what needs opening; at the end, commit and send what waits."""
    await services.ledger.open()
    await services.wakeups.start()
    catalog = asyncio.create_task(services.catalog.run(), name="catalog")
    # What start-up made lives for ever: a collection that walks it stops every request.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        services.waiting.stop()
        catalog.cancel()
        with suppress(asyncio.CancelledError):
            await catalog
        await services.acceptor.close()
        await services.outbox.close()
        await services.wakeups.close()
        if services.tokens is not None:
            await services.tokens.close()
        await services.publisher.close()
        await services.depth.close()
        await services.ledger.close()


def services_of(request: Request) -> Services:
    """A dependency: the parts of this process."""
    services: Services = request.app.state.services
    return services
