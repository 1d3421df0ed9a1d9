"""Kills consumers at seeded instants and counts what becomes of their messages.

`python -m tests.support.broker_victims REDIS_URL KILLS SEED ours|stock` prints one JSON object. A victim is a fork of
this warm process, so that a kill costs milliseconds. It says by a pipe that it took a first message, and which
one it is about to acknowledge. The stock one is over once it has shown a loss.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import Any

import kombu as _kombu
import redis

from tests.support.broker_consumer import BrokerConsumer
from windrow.broker.depth import Depth
from windrow.broker.intake import Budget
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher

kombu: Any = _kombu
#: A victim lives at most so long after it took its first message.
MAX_LIFE_SECONDS = 0.03
#: More than it can finish in its life.
MESSAGES = 60


def main(url: str, kills: int, seed: int, transport: str) -> dict[str, int]:
    """How often it killed, how often the victim held something, and which messages vanished."""
    rng = random.Random(seed)
    client: Any = redis.Redis.from_url(url)
    tally = {"kills": 0, "holding": 0, "vanished": 0, "strange_tags": 0, "acked": 0}
    for number in range(kills):
        client.flushall()
        known = (publish_ours if transport == "ours" else publish_stock)(url)
        read, write = os.pipe()
        worker = f"w{number}"
        child = os.fork()
        if not child:
            os.close(read)
            try:
                (be_victim if transport == "ours" else be_stock_victim)(url, worker, write)
            finally:
                os._exit(1)
        os.close(write)
        os.read(read, 1)
        time.sleep(rng.uniform(0, MAX_LIFE_SECONDS))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acked = set(read_all(read).decode().split())
        if transport == "ours":
            held = client.hgetall("unacked:pool")
            tally["strange_tags"] += sum(not tag.decode().startswith(f"{worker}:") for tag in held)
            there = Depth(url).ids("q", ["pool"])
        else:
            held = client.hgetall("unacked")
            waiting = [json.loads(payload) for payload in client.lrange("q", 0, -1)]
            waiting += [json.loads(value)[0] for value in held.values()]
            there = {message["headers"]["id"] for message in waiting}
        tally["kills"] += 1
        tally["holding"] += bool(held)
        tally["acked"] += len(acked)
        tally["vanished"] += len(known - there - acked)
        if transport == "stock" and tally["vanished"]:
            break
    return tally


def publish_ours(url: str) -> set[str]:
    publisher = Publisher(url)
    messages = [Message(f"j{n}", "t", "q") for n in range(MESSAGES)]
    publisher.publish(messages)
    publisher.close()
    return {message.id for message in messages}


def publish_stock(url: str) -> set[str]:
    with kombu.Connection(url) as connection, connection.Producer() as producer:
        for n in range(MESSAGES):
            producer.publish([], routing_key="q", headers={"id": f"j{n}"})
    return {f"j{n}" for n in range(MESSAGES)}


def be_victim(url: str, worker: str, write: int) -> None:
    """Take up to 5 at a time and acknowledge each a little later."""
    consumer = BrokerConsumer(url, budget=Budget(5), worker=worker)
    signs = iter([b"+"])
    while True:
        for message in consumer.turn():
            os.write(write, next(signs, b""))
            time.sleep(0.0003)
            os.write(write, f"{message.headers['id']} ".encode())
            message.ack()


def be_stock_victim(url: str, worker: str, write: int) -> None:
    """The same on kombu's own transport."""

    signs = iter([b"+"])

    def receive(message: Any) -> None:
        os.write(write, next(signs, b""))
        time.sleep(0.0003)
        os.write(write, f"{message.headers['id']} ".encode())
        message.ack()

    with kombu.Connection(url) as connection:
        consumer = kombu.Consumer(connection.default_channel, [kombu.Queue("q")], on_message=receive)
        consumer.consume()
        while True:
            connection.drain_events(timeout=2)


def read_all(pipe: int) -> bytes:
    """What was written until the last writer died."""
    with os.fdopen(pipe, "rb") as stream:
        return stream.read()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
