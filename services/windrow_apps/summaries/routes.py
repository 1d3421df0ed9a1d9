"""The HTTP routes of the summaries app."""

from fastapi import APIRouter

from windrow.apps import Jobs
from windrow_apps.shared.database import Database, database_settings
from windrow_apps.shared.outbound import outbound_settings
from windrow_apps.summaries.routes_articles import article_routes
from windrow_apps.summaries.routes_summaries import summary_routes
from windrow_apps.summaries.service import Service
from windrow_apps.summaries.settings import settings


def router(jobs: Jobs) -> APIRouter:
    """The routes under `/api`, over the platform's jobs. Reads the settings once, now."""
    current = settings()
    database = Database(database_settings(), "summaries")
    routes = APIRouter(lifespan=lambda _: database.opened())
    routes.include_router(article_routes(jobs, database, current, outbound_settings()))
    routes.include_router(summary_routes(Service(jobs, database, current)))
    return routes
