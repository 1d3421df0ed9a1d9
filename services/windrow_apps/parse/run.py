"""One run: fetch what is not recorded yet, read it, record it, batch by batch."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.models import Page, Summary
from windrow_apps.parse.reading import read_page
from windrow_apps.parse.settings import ParseSettings
from windrow_apps.parse.source import Source, open_source
from windrow_apps.parse.store import PageStore

#: Called with (pages done, pages in all) at the start and after each recorded batch.
Report = Callable[[int, int], None]


def parse_range(run_id: str, pages: range, settings: ParseSettings, report: Report) -> Summary:
    """Record every page of `pages` under `run_id`; pages that it has recorded are skipped.

    Raises SourceUnavailable (after saving what did arrive), SourceMisconfigured, or psycopg's
    OperationalError: calling it again with the same `run_id` continues.
    """
    return asyncio.run(_parse_range(run_id, pages, settings, report))


async def _parse_range(run_id: str, pages: range, settings: ParseSettings, report: Report) -> Summary:
    store = PageStore(run_id, settings)
    async with open_source(settings) as source:
        recorded = store.recorded(pages)
        left = [page_id for page_id in pages if page_id not in recorded]
        done = len(recorded)
        report(done, len(pages))
        for batch in _batches(left, settings.batch_pages):
            # The store blocks, and may: nothing else is under way between two batches.
            await _record(batch, source, store)
            done += len(batch)
            report(done, len(pages))
    return store.summary(pages)


async def _record(batch: Sequence[int], source: Source, store: PageStore) -> None:
    outcomes = await asyncio.gather(*(_fetch(source, page_id) for page_id in batch), return_exceptions=True)
    fetched = [outcome for outcome in outcomes if isinstance(outcome, Page)]
    if fetched:
        store.save(fetched)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    # A fault of ours must not hide behind a source that is away.
    errors.sort(key=lambda error: isinstance(error, SourceUnavailable))
    if errors:
        raise errors[0]


async def _fetch(source: Source, page_id: int) -> Page:
    return read_page(page_id, await source.fetch(page_id))


def _batches(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
