"""Where everything answers, settled before the first part starts; and the environment that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(frozen=True, slots=True)
class Addresses:
    """URLs of the servers and parts; None for what does not run."""

    database_url: str
    redis_url: str
    #: Empty: the queues are on Redis.
    amqp_url: str
    api_host: str
    api_port: int
    exporter_port: int
    flower_port: int | None
    source_port: int | None
    #: Of the local mail server and of its page.
    smtp_port: int | None = None
    mail_port: int | None = None

    @property
    def api_url(self) -> str:
        # "All interfaces" is a place to listen, not to call.
        host = "127.0.0.1" if self.api_host in ("0.0.0.0", "::") else self.api_host
        return f"http://{host}:{self.api_port}"

    @property
    def metrics_url(self) -> str:
        """What a Prometheus on this machine scrapes."""
        return f"http://127.0.0.1:{self.exporter_port}/metrics"

    @property
    def flower_url(self) -> str | None:
        return f"http://127.0.0.1:{self.flower_port}" if self.flower_port else None

    @property
    def source_url(self) -> str | None:
        """The template of the pages that the parse app reads."""
        return f"http://127.0.0.1:{self.source_port}/{{id}}" if self.source_port else None

    @property
    def mail_url(self) -> str | None:
        """Where the mails are shown that the local server has caught."""
        return f"http://127.0.0.1:{self.mail_port}" if self.mail_port else None

    def environment(self, inherited: Mapping[str, str], apps: str) -> dict[str, str]:
        """What each part gets: `inherited`, with our addresses."""
        env = {
            "WINDROW_POOL": "default",
            "WINDROW_LOG_FORMAT": "console",
            # Where only this machine can call, what an app offers to everybody needs no key.
            "WINDROW_OPEN_APPS": apps if self.api_host in _LOOPBACK else "",
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "WINDROW_APPS": apps,
            "WINDROW_DATABASE_URL": self.database_url,
            "WINDROW_REDIS_URL": self.redis_url,
            "WINDROW_BROKER_URL": self.amqp_url,
            "WINDROW_API_HOST": self.api_host,
            "WINDROW_API_PORT": str(self.api_port),
            "WINDROW_EXPORTER_PORT": str(self.exporter_port),
        }
        if self.source_url:
            env["WINDROW_PARSE_SOURCE"] = self.source_url
        if self.smtp_port:
            env |= {
                "WINDROW_SMTP_HOST": "127.0.0.1",
                "WINDROW_SMTP_PORT": str(self.smtp_port),
                "WINDROW_SMTP_SECURITY": "none",
            }
        return env
