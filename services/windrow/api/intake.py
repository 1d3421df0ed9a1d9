"""From a valid request to a job: the task is looked up, the input checked and encoded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from pydantic_core import PydanticSerializationError

from windrow.api.catalog import Catalog
from windrow.api.flaws import MAX_FLAWS, pointer
from windrow.api.problems import Flaw, invalid, too_large
from windrow.core.finite import infinite_places, may_hold_infinite
from windrow.core.ids import new_id
from windrow.core.input import JobRequest, arguments, encode, new_job
from windrow.core.job import NewJob
from windrow.core.traceparent import KEY, is_traceparent
from windrow.telemetry.traceparent import current_traceparent


class Intake:
    """Makes jobs out of requests, or says why not."""

    def __init__(self, catalog: Catalog, input_bytes: int, traced: bool = False) -> None:
        """`traced`: each request has a span, with which its jobs go on."""
        self._catalog = catalog
        self._input_bytes = input_bytes
        self._traced = traced

    async def job(self, wish: JobRequest, traceparent: str | None = None) -> NewJob:
        """The job of a request by HTTP.

        Raises UnknownTask, RetiredTask, LedgerUnavailable, and the 413 and 422 problems.
        """
        args, kwargs = arguments(wish.input)
        single = not isinstance(wish.input, (dict, list))
        return await self.job_of(wish, args, kwargs, single=single, traceparent=traceparent)

    async def job_of(
        self,
        wish: JobRequest,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        single: bool = False,
        traceparent: str | None = None,
    ) -> NewJob:
        """The job of `wish` with these arguments instead of its input."""
        entry = await self._catalog.find(wish.task)
        if entry.check is not None:
            flaws = entry.check.flaws(args, kwargs, single)
            if flaws:
                # A schema calls them null: their own name says more.
                raise invalid(_infinite(args, kwargs, single) or flaws)
            args, kwargs = entry.check.exact(args, kwargs)
        try:
            text = encode(list(args), dict(kwargs))
        except PydanticSerializationError as exc:
            raise invalid([Flaw("/input", f"The input is not JSON: {exc}", "Pass JSON values only")]) from exc
        if may_hold_infinite(text) and (flaws := _infinite(args, kwargs, single)):
            raise invalid(flaws)
        # UTF-8 takes at most four bytes a character: most inputs need no second encoding to be measured.
        if len(text) * 4 > self._input_bytes and len(text.encode()) > self._input_bytes:
            raise too_large("The input", self._input_bytes)
        if self._traced:
            traceparent = current_traceparent() or traceparent
        job = new_job(wish, entry.task, new_id(), text)
        return job if traceparent is None else _traced(job, traceparent)


def _infinite(args: Sequence[Any], kwargs: Mapping[str, Any], single: bool) -> list[Flaw]:
    """The numbers of an input that no JSON can carry."""
    places = infinite_places(args if args else kwargs)
    return [
        Flaw(
            pointer(["input", *(path[1:] if single else path)]),
            "The number is not finite: NaN, Infinity, or too large for a double",
            "Send a finite number under 1.8e308, null, or a string",
        )
        for path in islice(places, MAX_FLAWS)
    ]


def _traced(job: NewJob, traceparent: str) -> NewJob:
    """`job` with the W3C trace context of its request; a malformed one is dropped, as the standard says."""
    if not is_traceparent(traceparent):
        return job
    options = json.loads(job.options) if job.options else {}
    return replace(job, options=json.dumps({**options, KEY: traceparent}))
