"""Arrays of texts arrive as they were."""

from __future__ import annotations

import psycopg

from windrow.store.arrays import text_array

ODD = [
    'a"b\\c',
    None,
    "NULL",
    "null",
    "",
    "{x,y}",
    "é\n\t",
    " ",
    "\\",
    '"',
    "\\x41",
    "'",
    "%s",
    "\x02\x7f",
    "𝄞" * 10,
]


def test_every_text_survives_the_way_into_an_array(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT %(items)s::text[]", {"items": text_array(ODD)}).fetchone()
        assert row == (ODD,)
        assert connection.execute("SELECT %s::text[]", (text_array([]),)).fetchone() == ([],)
