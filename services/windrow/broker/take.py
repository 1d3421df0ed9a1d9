"""Taking as a call: pop messages and register them as held, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from windrow.broker.call import Call
from windrow.broker.intake import MAX_TAKE, Budget, Holding, Intake
from windrow.broker.keys import FOREIGN_SEP, STEPS, queue_keys, unacked_index_key, unacked_key
from windrow.broker.message import is_compact

#: What the keys of a queue are for: four lists, and the wake key.
SOURCES = (*STEPS, 0)


class Taken(NamedTuple):
    """What a take brought."""

    #: In the order to deliver: (tag, holding).
    messages: list[tuple[str, Holding]]
    #: Whether messages remain in the lists.
    more: bool
    #: The same for the lists of stock producers, if those were looked into.
    more_foreign: bool
    #: Whether it stopped at a message that may not be claimed ahead.
    slow: bool


def take(
    intake: Intake, queues: Sequence[str], budget: Budget, settled: Sequence[str], foreign: bool
) -> Call[Taken]:
    """Take what `budget` allows, highest step first, then `queues` in the order given.

    `settled` tags are forgotten in the same step; `foreign` looks into the lists of stock producers too.
    """
    free = max(0, min(budget.free, MAX_TAKE))
    ahead = max(0, min(budget.ahead, MAX_TAKE - free)) if budget.fast_tasks else 0
    first = intake.reserve(free + ahead)
    sources = [
        (queue, step, key) for queue in queues for key, step in zip(queue_keys(queue), SOURCES, strict=True)
    ]
    if foreign:
        sources += [(queue, step, f"{queue}{FOREIGN_SEP}{step}") for step in STEPS[1:] for queue in queues]
    keys = [unacked_key(intake.pool), unacked_index_key(intake.pool), *(key for _, _, key in sources)]
    args: tuple[str | int, ...] = (
        intake.prefix,
        first,
        free,
        ahead,
        len(queues),
        intake.low_water,
        len(settled),
        *settled,
    )
    if ahead:
        args += budget.fast_tasks

    def read(reply: list[Any]) -> Taken:
        messages = [
            (f"{intake.prefix}{first + n}", Holding(*sources[int(key) - 3], payload, not is_compact(payload)))
            for n, (key, payload) in enumerate(zip(reply[3::2], reply[4::2], strict=True))
        ]
        return Taken(messages, bool(reply[0]), bool(reply[1]), bool(reply[2]))

    return Call("take", keys, args, read)
