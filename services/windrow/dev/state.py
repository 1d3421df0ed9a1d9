"""`.windrow/up.json`: where the running parts answer, for scripts and for a second `windrow up`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from windrow.broker.address import place
from windrow.dev.private import write_private

FILE_NAME = "up.json"


class UpState(BaseModel):
    """What runs. The file is there from ready to exit, mode 0600: it holds secrets."""

    api_url: str
    #: Empty when no key could be created.
    api_key: str
    metrics_url: str
    #: None when Flower is not installed.
    flower_url: str | None
    #: Where caught mails are shown; None when there is no local mail server.
    mail_url: str | None = None
    redis_url: str
    #: None: the queues are on Redis.
    rabbitmq_url: str | None = None
    rabbitmq_management_url: str | None = None
    database_url: str
    #: Process id by part, `up` itself among them; 0 for one that is about to start again.
    pids: dict[str, int]
    #: What is to be said besides, a line each: ports that are not the usual ones.
    notes: list[str] = []

    def write(self, folder: Path) -> None:
        """Replace the file."""
        write_private(folder / FILE_NAME, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> UpState | None:
        """What the file says, None when there is none."""
        try:
            return cls.model_validate_json((folder / FILE_NAME).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError):
            return None

    def places(self, folder: Path) -> str:
        """What to print about it, a line each; keys and passwords stay in the file."""
        places: Mapping[str, str | None] = {
            "API": self.api_url,
            "API docs": f"{self.api_url}/docs",
            "Metrics": self.metrics_url,
            "Flower": self.flower_url,
            "Mails": self.mail_url,
            "Redis": self.redis_url.rpartition("@")[2],
            "RabbitMQ": place(self.rabbitmq_url) if self.rabbitmq_url else None,
            "RabbitMQ pages": self.rabbitmq_management_url,
            "Postgres": self.database_url.rpartition("@")[2],
            "API key and full addresses": str(folder / FILE_NAME),
        }
        lines = [f"{name:<8}  {place}" for name, place in places.items() if place]
        return "\n".join([*lines, *self.notes])
