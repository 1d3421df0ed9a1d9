"""Addresses of stores as fields of a door's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from windrow.core.addresses import check_database_url, check_redis_url

DatabaseUrl = Annotated[str, AfterValidator(check_database_url)]
RedisUrl = Annotated[str, AfterValidator(check_redis_url)]
