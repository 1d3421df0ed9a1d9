"""The two ways to Postgres: itself, and a PgBouncer in transaction mode before it."""

import pytest

#: For tests whose promise must hold through a pooler too; server-side prepared statements are off there.
BOTH_WAYS = pytest.mark.parametrize("through", ["direct", "pgbouncer"])
