"""Single submits over HTTP at 32 connections, and FastAPI's bare echo for reference. No worker runs."""

from __future__ import annotations

from tests.bench.clients import load
from tests.bench.cpu import cpu_seconds
from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.wire import request

CONNECTIONS = 32
SUBMIT = Metric("submit_http_32", "requests/s", True, 5)
CPU = Metric("submit_http_32_cpu", "us/request", False)
#: Its naive column is an endpoint that does nothing.
ECHO = Metric("submit_http_32_to_echo", "requests/s", True)


class Submit(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("submit_http_32", (SUBMIT, CPU, ECHO))

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        rates, cpu = {}, {}
        for variant, message in where.submits().items():
            where.clean()
            used = cpu_seconds(where.processes())
            found = load(where.api_port, message, CONNECTIONS, bench.seconds)
            cpu[variant] = (cpu_seconds(where.processes()) - used) / found["answers"] * 1e6
            rates[variant] = found["requests"] / found["seconds"]
        where.clean()
        if side == "windrow":
            return {SUBMIT.name: rates, CPU.name: cpu, ECHO.name: rates}
        message = request("POST", "/echo", {"x": 1})
        found = load(where.api_port, message, CONNECTIONS, bench.seconds)
        return {SUBMIT.name: rates, CPU.name: cpu, ECHO.name: {"": found["requests"] / found["seconds"]}}
