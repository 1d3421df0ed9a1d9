"""Routes for summaries: ask for one or many, see where one is, see them all in numbers."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response, status

from windrow_apps.summaries.job_ids import MAX_ARTICLE_ID
from windrow_apps.summaries.models import (
    MAX_BATCH,
    ArticleId,
    Enqueued,
    EnqueuedBatch,
    JobId,
    QueueView,
    SummaryView,
)
from windrow_apps.summaries.service import Service

Priority = Annotated[int | None, Query(ge=0, le=9, description="9 first. Default: the task's.")]
Ids = Annotated[list[ArticleId], Body(min_length=1, max_length=MAX_BATCH, examples=[[123, 124, 125]])]


def summary_routes(service: Service) -> APIRouter:
    """The routes under `/summarization`."""
    routes = APIRouter(prefix="/api/summarization", tags=["summarization"])

    @routes.post(
        "/enqueue",
        status_code=status.HTTP_202_ACCEPTED,
        responses={status.HTTP_409_CONFLICT: {"description": "The job id is one of another article"}},
    )
    async def enqueue(
        article_id: Annotated[int, Query(ge=1, le=MAX_ARTICLE_ID)],
        response: Response,
        priority: Priority = None,
        job_id: Annotated[
            JobId | None,
            Query(description="`summarize_<article>_<seconds>`; the same id again: the same job."),
        ] = None,
    ) -> Enqueued:
        """Ask for a summary of an article."""
        done = await service.enqueue(article_id, priority, job_id)
        response.headers["Location"] = f"/api/summarization/status/{done.job_id}"
        return done

    @routes.post("/enqueue-batch", status_code=status.HTTP_202_ACCEPTED)
    async def enqueue_batch(ids: Ids, priority: Priority = None) -> EnqueuedBatch:
        """Ask for summaries of many articles: all or none; an id that is there twice is one job."""
        done = await service.enqueue_many(ids, priority)
        return EnqueuedBatch(queued=len(done), jobs=done)

    @routes.get("/status/{job_id}", response_model_exclude_none=True)
    async def state(job_id: Annotated[JobId, Path()]) -> SummaryView:
        """Where a summary is, and the summary once it is OK."""
        return await service.state(job_id)

    @routes.get("/queue-info")
    async def queue_info() -> QueueView:
        """Summaries by state, calls by provider and outcome, what is left of today's tokens, circuits."""
        return await service.queue_info()

    return routes
