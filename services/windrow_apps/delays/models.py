"""What a caller of the delays app sends and gets."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_DELAY_SECONDS = 3600

Delay = Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False, description="Seconds.")]


class Wish(BaseModel):
    """How long the job shall take."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"example": {"delay": 2}}
    )

    delay: Delay


class Waited(BaseModel):
    """What the task returns: measured, not repeated from the wish."""

    delay: float
    #: Seconds by the worker's monotonic clock.
    waited: float
    #: ISO 8601, UTC, by the worker's clock.
    started_at: str
    finished_at: str


class Completed(BaseModel):
    """The job ended in time."""

    status: Literal["completed"] = "completed"
    result: Waited
    #: Seconds from the request to its answer, those in which other jobs ran included.
    time: float


class Pending(BaseModel):
    """The job did not end in time and was stopped."""

    status: Literal["pending"] = "pending"
    message: str
    time: float


class Failed(BaseModel):
    """The job failed."""

    status: Literal["failed"] = "failed"
    error: str
    task_id: str
