"""The kombu messages that Celery's consumer gets for what was taken."""

from __future__ import annotations

from typing import Any

from kombu.transport import virtual

from windrow.broker.intake import Holding
from windrow.broker.message import decode, decode_foreign

_Message: Any = virtual.Message


class WakeUp(_Message):
    """A compact message: headers say which job; there is no body to decode.

    Headers: id, task, lang, retries, root_id, parent_id, group, and windrow_alone when it must run alone.
    """

    # Sets what kombu's two constructors would set, without their checks: this runs once a job.
    def __init__(self, channel: Any, tag: str, holding: Holding) -> None:
        queue, step = holding.queue, holding.step
        message = decode(holding.payload, queue, step)
        info = {"exchange": "", "routing_key": queue, "priority": step, "redelivered": False}
        self.channel = channel
        self.delivery_tag = tag
        self.content_type = "application/json"
        self.content_encoding = "utf-8"
        self.delivery_info = info
        self.headers = {
            "lang": "py",
            "task": message.task,
            "id": message.id,
            "root_id": message.id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
        }
        if message.alone:
            self.headers["windrow_alone"] = True
        self.properties = {
            "correlation_id": message.id,
            "reply_to": None,
            "delivery_tag": tag,
            "delivery_info": info,
            "priority": step,
        }
        self.body = b""
        self.errors = ()
        self.accept = None
        self._decoded_cache = None
        self._state = "RECEIVED"
        self._raw = None


def deliverable(channel: Any, tag: str, holding: Holding) -> Any:
    """The message for Celery's consumer; ValueError when the payload is rubbish.

    A full Celery message keeps all it has and gets the header `windrow_foreign`.
    """
    if not holding.foreign:
        return WakeUp(channel, tag, holding)
    raw = decode_foreign(holding.payload)
    properties = raw["properties"]
    properties["delivery_tag"] = tag
    properties["delivery_info"] = {
        "exchange": "",
        "priority": properties.get("priority", 0),
        **(properties.get("delivery_info") or {}),
        "routing_key": holding.queue,
    }
    raw["headers"] = {**(raw.get("headers") or {}), "windrow_foreign": True}
    try:
        return channel.Message(raw, channel=channel)
    except Exception as exc:
        raise ValueError(f"undecodable Celery message: {exc}") from exc
