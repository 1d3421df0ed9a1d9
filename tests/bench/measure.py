"""What is measured: metrics with their targets, and one round of a measure on one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tests.bench.naive import Naive
from tests.bench.servers import Servers
from tests.bench.side import Side
from tests.bench.windrow_side import Windrow

SideName = Literal["naive", "windrow"]

#: metric -> variant -> value. A side with several variants of a thing is judged by its best one.
Values = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Metric:
    """A number of both sides. A target is for the ratio, or for Windrow's own value if `absolute`."""

    name: str
    unit: str
    higher_is_better: bool
    target: float | None = None
    absolute: bool = False

    @property
    def target_text(self) -> str:
        """Like `>= 5x`."""
        if self.target is None:
            return ""
        sign = ">=" if self.higher_is_better else "<="
        return f"{sign} {self.target:g} {self.unit}" if self.absolute else f"{sign} {self.target:g}x"


@dataclass
class Bench:
    """Everything that runs, and the sizes of this run."""

    servers: Servers
    naive: Naive
    windrow: Windrow
    #: Seconds of one throughput sample.
    seconds: float
    #: Jobs of one worker sample, and requests of one latency sample.
    jobs: int
    requests: int
    #: Finished jobs in the ledger that is compared with an empty one.
    history: int

    def side(self, name: SideName) -> Side:
        """One of both."""
        return self.naive if name == "naive" else self.windrow


class Measure(Protocol):
    """One subject, measured round by round, side by side."""

    name: str
    metrics: Sequence[Metric]
    #: The most rounds that say something new.
    max_rounds: int

    def around(self, bench: Bench) -> AbstractContextManager[object]:
        """What must run during all its rounds."""
        ...

    def round(self, bench: Bench, side: SideName) -> Values:
        """One sample of each metric. Raises BenchFailed."""
        ...


@dataclass
class Base:
    """A measure that needs nothing around it."""

    name: str = ""
    metrics: Sequence[Metric] = field(default=())
    max_rounds: int = 99

    def around(self, bench: Bench) -> AbstractContextManager[object]:
        return nullcontext()
