"""Finds the RabbitMQ server of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from windrow.dev.errors import NotInstalled

#: Debian's program on PATH changes to an account and to folders of its own; this one runs as it is told.
DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def rabbit_program() -> Path:
    """`rabbitmq-server`; raises NotInstalled."""
    if DEBIAN.exists():
        return DEBIAN
    found = shutil.which("rabbitmq-server")
    if found:
        return Path(found)
    raise NotInstalled(
        "No RabbitMQ server here: install rabbitmq-server (apt-get install rabbitmq-server, brew install rabbitmq), "
        "or name a running one in RABBITMQ_HOST, RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS, PORT_AMQP and PORT_WEB."
    )


def epmd_program() -> Path:
    """Erlang's name server, which a RabbitMQ wants beside it; raises NotInstalled."""
    found = shutil.which("epmd")
    if found is None:
        raise NotInstalled("No epmd here: it comes with Erlang, as RabbitMQ does.")
    return Path(found)
