"""Publishing as calls: messages into their lists within the window, wake tokens, signals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from windrow.broker.call import Call
from windrow.broker.keys import DONE_CHANNEL, EVENTS_CHANNEL, STEPS, queue_keys, step_of
from windrow.broker.message import Message, encode

#: Messages a queue and priority step holds at most; the rest waits in the ledger.
WINDOW = 2000
#: Wake tokens a queue holds at most: more idle workers than that are woken by each other.
WAKE_TOKENS = 32
#: Messages in one call: bounds the time Redis spends in the script (about a millisecond).
MAX_PER_CALL = 1000


class Published(NamedTuple):
    """What became of a publish."""

    #: Ids over the window: the relay sends them when there is room.
    refused_ids: tuple[str, ...] = ()
    #: Messages waiting in each queue of the call, over all steps.
    depth: Mapping[str, int] = {}


def signal(channel: str, payload: str) -> Call[None]:
    """Send one pub/sub payload."""
    return Call("publish", (), (0, 0, 0, channel, payload), lambda reply: None)


def publishes(
    messages: Sequence[Message],
    finished: Sequence[str] = (),
    events: Sequence[Mapping[str, Any]] = (),
    signals: Sequence[tuple[str, str]] = (),
    window: int = WINDOW,
) -> Iterator[Call[Published]]:
    """The calls that send all of it; the signals go with the last one, so none precedes its messages."""
    sent: list[str] = []
    # An answer before the news of its job's end: whoever hears the end first reads the job.
    for channel, payload in signals:
        sent += (channel, payload)
    if finished:
        sent += (DONE_CHANNEL, json.dumps(list(finished)))
    for event in events:
        sent += (EVENTS_CHANNEL, json.dumps(event))
    rest = iter(messages)
    part = list(islice(rest, MAX_PER_CALL))
    while part:
        following = list(islice(rest, MAX_PER_CALL))
        yield _publish(part, () if following else sent, window)
        part = following
    if sent and not messages:
        yield _publish((), sent, window)


def merge(results: Sequence[Published]) -> Published:
    """The result of several calls as one."""
    if len(results) == 1:
        return results[0]
    depth: dict[str, int] = {}
    for result in results:
        depth.update(result.depth)
    return Published(tuple(job_id for result in results for job_id in result.refused_ids), depth)


def _publish(messages: Sequence[Message], sent: Sequence[str], window: int) -> Call[Published]:
    batches: dict[tuple[str, int], list[Message]] = {}
    for message in messages:
        batches.setdefault((message.queue, step_of(message.priority)), []).append(message)
    queues = list(dict.fromkeys(queue for queue, _ in batches))
    args: list[str | int] = [window, WAKE_TOKENS, len(batches)]
    for (queue, step), batch in batches.items():
        args += (queues.index(queue) * 5 + STEPS.index(step) + 1, len(batch))
        args += map(encode, batch)
    args += sent

    def read(reply: Any) -> Published:
        accepted, depths = reply
        refused = tuple(
            message.id
            for batch, count in zip(batches.values(), accepted, strict=True)
            for message in batch[count:]
        )
        return Published(refused, dict(zip(queues, depths, strict=True)))

    return Call("publish", [key for queue in queues for key in queue_keys(queue)], args, read)
