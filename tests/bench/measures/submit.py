"""Single submits over HTTP at 32 connections, and FastAPI's bare echo for reference. No worker runs."""

from __future__ import annotations

from tests.bench.clients import load
from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.wire import request

CONNECTIONS = 32
SUBMIT = Metric("submit_http_32", "requests/s", True, 5)
#: Its naive column is an endpoint that does nothing.
ECHO = Metric("submit_http_32_to_echo", "requests/s", True)


class Submit(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("submit_http_32", (SUBMIT, ECHO))

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        rates = {}
        for variant, message in where.submits().items():
            where.clean()
            found = load(where.api_port, message, CONNECTIONS, bench.seconds)
            rates[variant] = found["requests"] / found["seconds"]
        where.clean()
        if side == "windrow":
            return {SUBMIT.name: rates, ECHO.name: rates}
        message = request("POST", "/echo", {"x": 1})
        found = load(where.api_port, message, CONNECTIONS, bench.seconds)
        return {SUBMIT.name: rates, ECHO.name: {"": found["requests"] / found["seconds"]}}
