"""Routes for articles: add one, read one, import a feed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status

from windrow.apps import Jobs
from windrow_apps.shared.database import Database
from windrow_apps.shared.outbound import OutboundRefused, OutboundSettings, check_url
from windrow_apps.summaries import replies
from windrow_apps.summaries.job_ids import MAX_ARTICLE_ID
from windrow_apps.summaries.models import Added, ArticleView, Importing, NewArticle
from windrow_apps.summaries.settings import SummariesSettings
from windrow_apps.summaries.store import articles

IMPORT = "summaries.import_feed"


def article_routes(
    jobs: Jobs, database: Database, settings: SummariesSettings, outbound: OutboundSettings
) -> APIRouter:
    """The routes under `/articles`."""
    routes = APIRouter(prefix="/api/articles", tags=["articles"])

    @routes.post("", status_code=status.HTTP_201_CREATED, response_model=Added)
    async def add(article: NewArticle, response: Response) -> Any:
        """Keep an article, to be summarized."""
        if len(article.text) > settings.article_characters:
            message = f"An article has at most {settings.article_characters} characters"
            raise replies.invalid("body", "text", message, None)
        async with database.connection() as connection:
            row = await articles.add(connection, article.model_dump())
        response.headers["Location"] = f"/api/articles/{row['id']}"
        return row

    @routes.post("/import", status_code=status.HTTP_202_ACCEPTED)
    async def bring(
        feed_url: Annotated[str, Query(min_length=1, max_length=2000)], response: Response
    ) -> Importing:
        """Import the articles of an RSS or Atom feed as a job; entries that are here already are left out."""
        try:
            check_url(feed_url, outbound)
        except OutboundRefused as refused:
            raise replies.invalid("query", "feed_url", str(refused), feed_url) from None
        job = await jobs.submit(IMPORT, kwargs={"feed_url": feed_url}, time_limit=settings.feed_seconds)
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        return Importing(task_id=job.id)

    @routes.get("/{article_id}", response_model=ArticleView)
    async def one(article_id: Annotated[int, Path(ge=1, le=MAX_ARTICLE_ID)]) -> Any:
        """An article with its latest good summary."""
        async with database.connection() as connection:
            row = await articles.get(connection, article_id)
        if row is None:
            raise replies.unknown(f"There is no article {article_id}")
        return row

    return routes
