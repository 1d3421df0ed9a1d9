"""`windrow keys`: create, list and revoke API keys, or keep one that was made elsewhere."""

from __future__ import annotations

import argparse
import hmac
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow.api.auth import digest, id_of, new_key
from windrow.api.callers import SCOPES
from windrow.core.errors import LedgerUnavailable
from windrow.store import keys
from windrow.store.ledger import Ledger

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class KeysSettings(BaseSettings):
    """What the command reads from the environment."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", frozen=True, extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`.
    database_url: SecretStr


def main(argv: list[str]) -> int:
    """Run the command `argv`; returns the exit status."""
    return run(_parser().parse_args(argv), KeysSettings().database_url.get_secret_value())


def run(wish: argparse.Namespace, database_url: str) -> int:
    """Do it, and print what came of it: a key is shown this once and never again."""
    ledger = Ledger(database_url)
    try:
        return int(wish.run(ledger, wish))
    except LedgerUnavailable as exc:
        _complain(f"the ledger does not answer: {exc}")
        return EXIT_FAILED
    finally:
        ledger.close()


def _create(ledger: Ledger, wish: argparse.Namespace) -> int:
    key_id, key, digest = new_key()
    row = ledger.run(keys.create, key_id, wish.name, digest, wish.scopes, wish.expires)
    _say(wish, {"key": key, **_shown(row)}, key)
    return EXIT_OK


def _ensure(ledger: Ledger, wish: argparse.Namespace) -> int:
    # No flag for it: command lines are everybody's to read.
    key = os.environ.get("WINDROW_API_KEY", "")
    key_id = id_of(key)
    if key_id is None:
        _complain("WINDROW_API_KEY is no key: `wrk_`, 12 letters or digits, `_`, 43 of A-Z a-z 0-9 _ -")
        return EXIT_USAGE
    row = ledger.run(keys.find, key_id) or ledger.run(
        keys.create, key_id, wish.name, digest(key), wish.scopes
    )
    if not hmac.compare_digest(row.hash, digest(key)):
        _complain(f"{key_id} is the id of another key: make a new one")
        return EXIT_FAILED
    # A revoked one stays revoked: whoever did that meant it.
    _say(wish, _shown(row), f"{key_id} is {'valid' if row.valid else 'known, but expired or revoked'}")
    return EXIT_OK


def _list(ledger: Ledger, wish: argparse.Namespace) -> int:
    rows = ledger.run(keys.read)
    lines = [f"{r.id}  {'valid  ' if r.valid else 'invalid'}  {','.join(r.scopes)}  {r.name}" for r in rows]
    _say(wish, [_shown(row) for row in rows], "\n".join(lines) or "no keys")
    return EXIT_OK


def _revoke(ledger: Ledger, wish: argparse.Namespace) -> int:
    if not ledger.run(keys.revoke, wish.id):
        _complain(f"there is no key with the id {wish.id!r}")
        return EXIT_FAILED
    _say(wish, {"id": wish.id, "revoked": True}, f"{wish.id} is revoked")
    return EXIT_OK


def _shown(row: keys.KeyRow) -> dict[str, Any]:
    moments = {name: getattr(row, name) for name in ("created_at", "expires_at", "revoked_at")}
    shown = {name: value.isoformat() if value else None for name, value in moments.items()}
    return {"id": row.id, "name": row.name, "scopes": row.scopes, "valid": row.valid, **shown}


def _say(wish: argparse.Namespace, value: object, words: str) -> None:
    sys.stdout.write((json.dumps(value) if wish.output == "json" else words) + "\n")


def _complain(what: str) -> None:
    sys.stderr.write(f"windrow keys: {what}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="windrow keys", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-o", "--output", choices=("text", "json"), default="text")
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser("create", parents=[common], help="Make a key and print it, this once.")
    create.add_argument("--name", required=True, type=_name, help="Whose it is, for people.")
    create.add_argument(
        "--scopes",
        required=True,
        type=_scopes,
        help="; ".join(f"{name}: {meaning}" for name, meaning in SCOPES.items()),
    )
    create.add_argument("--expires", type=_seconds, help="E.g. 12h or 90d; without it, never.")
    create.set_defaults(run=_create)
    ensure = commands.add_parser(
        "ensure", parents=[common], help="Keep the key in WINDROW_API_KEY, unless it is known already."
    )
    ensure.add_argument("--name", required=True, type=_name, help="Whose it is, for people.")
    ensure.add_argument("--scopes", required=True, type=_scopes, help="As above.")
    ensure.set_defaults(run=_ensure)
    commands.add_parser("list", parents=[common], help="Show all keys.").set_defaults(run=_list)
    revoke = commands.add_parser("revoke", parents=[common], help="End a key for good.")
    revoke.add_argument("id", help="The part between the two underscores.")
    revoke.set_defaults(run=_revoke)
    return parser


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a name has visible characters only")
    return text


def _scopes(text: str) -> Sequence[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in SCOPES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(SCOPES)}")
    return names


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError("write a number and s, m, h or d, e.g. 90d")
    return float(found[1]) * _UNITS[found[2]]
