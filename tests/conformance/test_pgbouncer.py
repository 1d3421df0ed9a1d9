"""The same cases through PgBouncer in transaction mode."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Records, adopted_project, run_cases
from tests.support.databases import Databases
from tests.support.pgbouncer_server import PgBouncerServer
from windrow.dev.guard import Guard


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_cases_are_the_same_through_pgbouncer(
    stock_records: Records,
    shop_url: str,
    databases: Databases,
    pgbouncer: PgBouncerServer,
    guard: Guard,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    database_url = databases.create()
    folder = tmp_path_factory.mktemp("bounced")
    through = pgbouncer.through(database_url)
    with adopted_project(guard, shop_url, 9, through, folder, WINDROW_PREPARED_STATEMENTS="false") as doors:
        records = run_cases(doors, folder / "records.json", "--adopt")
    different = {
        name: (stock_records[name], record)
        for name, record in records.items()
        if record != stock_records[name]
    }
    assert not different
