"""`windrow restore --hold`: after the database was restored from a backup, and before anything is started on it."""

from __future__ import annotations

import argparse
import json
import os
import sys

from pydantic_settings import SettingsConfigDict

from windrow.broker import choice
from windrow.broker.address import BrokerSettings
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.leftovers import sweep
from windrow.core.errors import LedgerUnavailable
from windrow.store.ledger import Ledger
from windrow.store.restore import Held, hold


class RestoreSettings(BrokerSettings):
    """Where the queues are; read by the command."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", frozen=True, extra="ignore")


#: Suspects that are printed as text; JSON has as many as --limit allows.
SHOWN = 20


def main(argv: list[str]) -> int:
    """0 once every queue is paused and the broker is empty of the lost time; 1 with the reason."""
    options = _parser().parse_args(argv)
    # No flag for them: command lines are everybody's to read.
    url, broker = os.environ.get("WINDROW_DATABASE_URL", ""), os.environ.get("WINDROW_REDIS_URL", "")
    if not url or not broker:
        return _complain("WINDROW_DATABASE_URL and WINDROW_REDIS_URL must be set", 2)
    ledger = Ledger(url, application_name="windrow-restore", statement_timeout=options.timeout)
    try:
        # Paused first, then emptied, then paused again for queues that only the broker knew.
        first = ledger.run(hold, [], options.limit)
        known = [*first.paused, *first.already]
        swept = sweep(broker, known)
        swept = swept._replace(messages=swept.messages + _on_rabbitmq(broker, known))
        held = ledger.run(hold, swept.queues, options.limit)._replace(freed=first.freed)
    except (LedgerUnavailable, BrokerUnavailable) as error:
        return _complain(error)
    finally:
        ledger.close()
    # The second look sees those jobs queued that the backup had in a worker's hands.
    held = held._replace(
        paused=sorted({*first.paused, *held.paused}), already=first.already, suspects=first.suspects
    )
    if options.output == "json":
        print(json.dumps(_document(held, swept.messages, swept.holds)))
    else:
        _print(held, swept.messages, swept.holds)
    return 0


def _on_rabbitmq(redis_url: str, queues: list[str]) -> int:
    """Messages withdrawn from the ledger's queues on RabbitMQ, where they are there. Its other queues keep theirs.

    Raises BrokerUnavailable.
    """
    amqp_url = RestoreSettings().amqp_url
    if not amqp_url:
        return 0
    depth = choice.depth(redis_url, amqp_url)
    try:
        return sum(len(depth.withdraw(queue)) for queue in queues)
    finally:
        depth.close()


def _document(held: Held, messages: int, holds: int) -> dict[str, object]:
    return {
        "paused": held.paused,
        "already_paused": held.already,
        "freed": held.freed,
        "withdrawn_messages": messages,
        "ended_holds": holds,
        "suspects_total": held.total,
        "suspects": [s._asdict() | {"created_at": s.created_at.isoformat()} for s in held.suspects],
    }


def _print(held: Held, messages: int, holds: int) -> None:
    print(f"{len(held.paused)} queues paused: {', '.join(held.paused) or '-'}")
    if held.already:
        print(f"{len(held.already)} were paused in the backup: {', '.join(held.already)}")
    print(f"{messages} messages withdrawn, {holds} holds ended, {held.freed} jobs taken from workers")
    print(f"{held.total} jobs may have run in the time that is lost, with what they set free.")
    print("They will run once their queue is resumed:")
    for suspect in held.suspects[:SHOWN]:
        print(f"  {suspect.id}  {suspect.task}  {suspect.queue}  {suspect.state}")
    if held.total > SHOWN:
        print(f"  and {held.total - SHOWN} more: -o json")
    print("Cancel those that must not run again, start the release, then resume each queue")
    print("(POST /v1/queues/NAME:resume).")


def _complain(what: object, status: int = 1) -> int:
    print(f"windrow restore: {what}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="windrow restore",
        description="After the database was restored from a backup: nothing starts until you resume its queue.",
    )
    parser.add_argument(
        "--hold",
        action="store_true",
        required=True,
        help="pause every queue, withdraw every message, list the jobs that may run a second time",
    )
    parser.add_argument(
        "--limit", type=int, default=10_000, metavar="N", help="name at most so many of them (%(default)s)"
    )
    parser.add_argument(
        "--timeout", type=float, default=300.0, metavar="SECONDS", help="for one statement (%(default)g)"
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how to print the outcome"
    )
    return parser
