"""The todos routes over HTTP: what is kept, whose it is, and what is refused."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.api.running import RunningApi
from tests.integration.apps.conftest import Table

_owners = itertools.count(1)


@pytest.fixture
def owner() -> str:
    return f"owner-{next(_owners)}"


@pytest.fixture(scope="module")
def shared_client(todos_api: RunningApi) -> Iterator[httpx.Client]:
    with todos_api.client_with(None) as client:
        yield client


@pytest.fixture
def client(shared_client: httpx.Client, owner: str) -> httpx.Client:
    shared_client.headers["X-User"] = owner
    return shared_client


def add(client: httpx.Client, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
    answer = client.post("/tasks", json={"title": title, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/tasks/{answer.json()['id']}"
    made: dict[str, Any] = answer.json()
    return made


def test_a_todo_lives_from_post_to_delete(client: httpx.Client) -> None:
    made = add(client, "  Buy milk ", deadline="2099-01-31T09:00:00+01:00", timezone="Europe/Berlin")
    path = f"/tasks/{made['id']}"
    assert made["title"] == "Buy milk"
    assert (made["deadline"], made["remind_at"]) == ("2099-01-31T08:00:00Z", "2099-01-30T08:00:00Z")
    assert client.get(path).json() == made
    done = client.patch(path, json={"completed": True}).json()
    assert (done["completed"], done["title"], done["remind_at"]) == (True, "Buy milk", None)
    assert done["completed_at"] is not None
    assert client.get(path).json() == done
    whole = client.put(path, json={"title": "Buy bread"}).json()
    assert (whole["title"], whole["completed"], whole["deadline"]) == ("Buy bread", False, None)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404


def test_pages_and_filters(client: httpx.Client) -> None:
    for number in range(5):
        add(client, f"Todo {number}", completed=number % 2 == 0, description="50% off" if number == 3 else "")
    late = add(client, "Late", deadline="2001-01-01T00:00:00Z")
    first = client.get("/tasks?limit=4").json()
    assert (first["total"], first["pages"], first["page"], first["limit"]) == (6, 2, 1, 4)
    second = client.get("/tasks?limit=4&page=2").json()
    assert [todo["title"] for todo in first["tasks"] + second["tasks"]] == [
        *(f"Todo {number}" for number in range(5)),
        "Late",
    ]

    def titles(query: str) -> list[str]:
        return [todo["title"] for todo in client.get(f"/tasks?{query}").json()["tasks"]]

    assert titles("completed=true") == ["Todo 0", "Todo 2", "Todo 4"]
    assert titles("overdue=true") == ["Late"]
    assert titles("search=0%25") == ["Todo 3"]
    assert titles("search=TODO&sort=-id&limit=2") == ["Todo 4", "Todo 3"]
    assert titles("deadline_before=2001-01-01T00:00:00Z") == []
    assert titles("deadline_after=2001-01-01T00:00:00Z") == ["Late"]
    assert titles("sort=deadline&limit=1") == ["Late"]
    assert late["overdue"] is True


def test_statistics_count_what_is_there(client: httpx.Client) -> None:
    assert client.get("/tasks/statistics").json()["completion_rate"] == 0
    add(client, completed=True)
    add(client)
    add(client, deadline="2001-01-01T00:00:00Z")
    found = client.get("/tasks/statistics").json()
    assert (found["total"], found["completed"], found["open"], found["overdue"]) == (3, 1, 2, 1)
    assert found["completion_rate"] == 0.3333


def test_somebody_elses_todo_is_as_absent_as_one_that_never_was(
    todos_api: RunningApi, client: httpx.Client
) -> None:
    path = f"/tasks/{add(client)['id']}"
    with todos_api.client_with(None) as other:
        assert "id" not in other.get(path).json()
        for method, body in (
            ("GET", None),
            ("PUT", {"title": "x"}),
            ("PATCH", {"title": "x"}),
            ("DELETE", None),
        ):
            theirs = other.request(method, path, json=body)
            absent = other.request(method, "/tasks/999999999", json=body)
            assert theirs.status_code == absent.status_code == 404
            number = path.rpartition("/")[2]
            assert theirs.json()["detail"].replace(number, "?") == absent.json()["detail"].replace(
                "999999999", "?"
            )
    assert client.get(path).json()["title"] == "Buy milk"


def test_a_key_is_an_owner_of_its_own(todos_url: str, todos_api: RunningApi, table: Table) -> None:
    with RunningApi(todos_url, todos_api.settings.redis_url.get_secret_value(), apps=("todos",)) as keyed:
        with keyed.client_with(None) as nobody:
            assert nobody.get("/tasks").status_code == 401
        made = keyed.client.post("/tasks", json={"title": "Mine"}, headers={"X-User": "demo"}).json()
        assert keyed.client.get(f"/tasks/{made['id']}").json() == made
        found = table.rows("SELECT owner FROM todos.tasks WHERE id = %s", made["id"])
        assert found[0]["owner"] == keyed.key.split("_")[1]


def test_without_a_header_the_owner_is_demo(todos_api: RunningApi, table: Table) -> None:
    with todos_api.client_with(None) as client:
        made = add(client)
    assert table.rows("SELECT owner FROM todos.tasks WHERE id = %s", made["id"]) == [{"owner": "demo"}]


BAD_BODIES = [
    {},
    {"title": ""},
    {"title": "   "},
    {"title": 5},
    {"title": None},
    {"title": "x" * 201},
    {"title": "a\x00b"},
    {"title": "x", "description": "a\x00b"},
    {"title": "x", "colour": "red"},
    {"title": "x", "completed": "yes"},
    {"title": "x", "completed": 1},
    {"title": "x", "deadline": "2099-01-31T09:00:00"},
    {"title": "x", "deadline": "tomorrow"},
    {"title": "x", "deadline": 4102444800},
    {"title": "x", "deadline": "9999-12-31T23:59:59-12:00"},
    {"title": "x", "deadline": "0001-01-01T00:00:00+14:00"},
    {"title": "x", "timezone": "Mars/Olympus"},
    {"title": "x", "timezone": "../../etc/passwd"},
    {"title": "x", "timezone": ""},
    [],
    "x",
    None,
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body)[:40])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_bad_body_is_refused_and_nothing_changes(
    client: httpx.Client, table: Table, owner: str, method: str, body: Any
) -> None:
    made = add(client)
    path = "/tasks" if method == "POST" else f"/tasks/{made['id']}"
    answer = client.request(method, path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    assert client.get("/tasks").json()["tasks"] == [made]
    assert len(table.rows("SELECT id FROM todos.tasks WHERE owner = %s", owner)) == 1


@pytest.mark.parametrize("content", [b'{"title": "\\ud800"}', b'{"title": "\xff"}', b"{", b""])
def test_a_body_that_is_no_text_is_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/tasks", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert client.get("/tasks").json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
        "limit=0",
        "limit=101",
        "completed=maybe",
        "sort=title",
        "search=",
        "search=%00",
        "deadline_before=2026-01-01",
        "deadline_before=2026-01-01T00:00:00",
        "colour=red",
    ],
)
def test_a_bad_query_is_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"/tasks?{query}").status_code == 422


@pytest.mark.parametrize("name", ["", "a\x01b", "x" * 201])
def test_an_owner_has_a_name(client: httpx.Client, name: str) -> None:
    client.headers["X-User"] = name
    assert client.get("/tasks").status_code in (400, 422)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "bad", ["abc", "1.5", "-1", "9223372036854775808", "9" * 5000, "0x1", "1e3", "%00", "٣"]
)
def test_what_is_no_id_is_refused_clearly(client: httpx.Client, method: str, bad: str) -> None:
    answer = client.request(method, f"/tasks/{bad}", json={"title": "x"} if method.startswith("P") else None)
    assert answer.status_code == 422, answer.text
    assert "neither the integer id of a to-do nor the UUID of a job" in answer.json()["detail"]


def test_other_ids_of_the_fallback(client: httpx.Client) -> None:
    uuid = "0198d2c0-0000-7000-8000-000000000001"
    assert client.get(f"/tasks/{uuid}").status_code == 404
    assert client.patch(f"/tasks/{uuid}", json={"title": "x"}).status_code == 405
    assert client.get("/tasks/9223372036854775807").status_code == 404
    assert client.get("/tasks/0").status_code == 404
    assert client.post("/tasks/7").status_code == 405


def test_a_bulk_update_is_a_job_with_the_callers_ids(
    todos_api: RunningApi, client: httpx.Client, table: Table, owner: str
) -> None:
    ids = [add(client)["id"] for _ in range(3)]
    body = {
        "task_ids": [*ids, ids[0]],
        "update_data": {"completed": True, "deadline": "2099-01-01T00:00:00Z"},
    }
    answer = client.post("/tasks/bulk-update", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    job = todos_api.client.get(f"/v1/jobs/{answer.json()['task_id']}").json()
    assert job["task"] == "todos.bulk_update_tasks"
    # Whose to-dos and which is in a row that only this route writes: whoever may submit any job may not say it.
    (kept,) = table.rows("SELECT input FROM windrow.payloads WHERE job_id = %s", job["id"])
    assert json.loads(kept["input"]) == [[], {"run_id": job["id"]}]
    (order,) = table.rows(
        "SELECT owner, task_ids, update_data FROM todos.bulk_runs WHERE run_id = %s", job["id"]
    )
    assert order == {"owner": owner, "task_ids": ids, "update_data": body["update_data"]}
    # By it the mailroom knows who may see it.
    assert [tag.partition(":")[0] for tag in job["tags"]] == ["owner"]


def test_a_bulk_update_with_an_id_that_is_not_the_callers_changes_nothing(
    todos_api: RunningApi, client: httpx.Client, table: Table, owner: str
) -> None:
    mine = add(client)["id"]
    with todos_api.client_with(None) as demo:
        theirs = add(demo)["id"]
    answer = client.post(
        "/tasks/bulk-update",
        json={"task_ids": [mine, theirs, 999_999_999], "update_data": {"completed": True}},
    )
    assert answer.status_code == 404
    named = f"There are no to-dos with the ids {theirs}, 999999999: nothing was changed"
    assert answer.json()["detail"] == named
    assert client.get(f"/tasks/{mine}").json()["completed"] is False
    assert table.rows("SELECT 1 FROM todos.bulk_runs WHERE owner = %s", owner) == []


@pytest.mark.parametrize(
    "body",
    [
        {"task_ids": list(range(1, 10_002)), "update_data": {"completed": True}},
        {"task_ids": [], "update_data": {"completed": True}},
        {"task_ids": ["1"], "update_data": {"completed": True}},
        {"task_ids": [1.5], "update_data": {"completed": True}},
        {"task_ids": [True], "update_data": {"completed": True}},
        {"task_ids": [-1], "update_data": {"completed": True}},
        {"task_ids": [2**63], "update_data": {"completed": True}},
        {"task_ids": [1], "update_data": {}},
        {"task_ids": [1], "update_data": {"title": ""}},
        {"task_ids": [1], "update_data": {"owner": "me"}},
        {"task_ids": [1]},
        {"task_ids": [1], "update_data": {"completed": True}, "more": 1},
    ],
    ids=lambda body: repr(body)[:50],
)
def test_a_bad_bulk_update_is_refused(client: httpx.Client, body: Any) -> None:
    answer = client.post("/tasks/bulk-update", json=body)
    assert answer.status_code == 422, answer.text
    if len(body["task_ids"]) > 10_000:
        assert "10000" in answer.json()["detail"]


def test_an_unknown_export_format_names_the_known_ones(client: httpx.Client) -> None:
    answer = client.post("/tasks/export?export_format=xml")
    assert answer.status_code == 422
    assert "'json' or 'csv'" in answer.json()["detail"]


def test_an_export_is_pending_and_somebody_elses_is_absent(
    todos_api: RunningApi, client: httpx.Client
) -> None:
    queued = client.post("/tasks/export?export_format=csv").json()
    assert len(todos_api.client.get(f"/v1/jobs/{queued['task_id']}").json()["tags"]) == 1
    status = client.get(f"/tasks/export-status/{queued['task_id']}")
    assert status.json() == {"task_id": queued["task_id"], "status": "PENDING", "export_format": "csv"}
    assert client.get(f"/tasks/export-files/{queued['task_id']}").status_code == 409
    with todos_api.client_with(None) as other:
        for path in ("status", "files"):
            assert other.get(f"/tasks/export-{path}/{queued['task_id']}").status_code == 404
            assert client.get(f"/tasks/export-{path}/nope").status_code == 404


def test_the_health_document_names_every_part(client: httpx.Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "api": "healthy",
        "workers": 0,
        "worker_details": [],
        "database": "healthy",
        "redis": "healthy",
        "broker": "healthy",
    }


def test_without_a_database_health_is_503_and_nothing_is_answered_as_if_it_were_there(
    todos_api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"postgresql://u:p@127.0.0.1:{taken.getsockname()[1]}/d"
    monkeypatch.setenv("WINDROW_DATABASE_URL", url)
    monkeypatch.setenv("WINDROW_APP_ACQUIRE_SECONDS", "0.2")
    redis_url = todos_api.settings.redis_url.get_secret_value()
    with RunningApi(url, redis_url, apps=("todos",), api_auth=False, api_ledger_seconds=0.2) as away:
        answer = away.client.get("/health")
        assert answer.status_code == 503
        found = answer.json()
        assert (found["status"], found["database"], found["redis"]) == ("unhealthy", "unhealthy", "healthy")
        for method, path in (
            ("GET", "/tasks"),
            ("GET", "/tasks/1"),
            ("POST", "/tasks"),
            ("POST", "/tasks/export"),
        ):
            refused = away.client.request(method, path, json={"title": "x"} if path == "/tasks" else None)
            assert refused.status_code == 503, refused.text
            assert refused.headers["Retry-After"]


def test_the_document_shows_the_routes(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths["/tasks/{todo_id}"]) == {"get", "put", "patch", "delete"}
    assert "/tasks/{task_id}" not in paths
