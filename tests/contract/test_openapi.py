"""The running API against its own document: no 500, no status and no body that it does not tell of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS

from tests.integration.api.hands import Hands
from tests.integration.api.running import RunningApi
from windrow.api.app import create_app
from windrow.api.settings import ApiSettings

#: Examples for each operation: enough to have found every fault that was there, few enough for each run.
EXAMPLES = 10
#: Which wishes make sense together is more than a schema says, so valid ones may be refused.
UNFIT = {"positive_data_acceptance", "object_level_authorization"}


def _requests() -> Iterator[Any]:
    """Valid requests of each operation, and invalid ones where a body or a query may be wrong."""
    app = create_app(ApiSettings(database_url="postgresql://x", redis_url="redis://x", apps=()))
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield pytest.param(path, method, GenerationMode.POSITIVE, id=f"{method} {path} valid")
            if "requestBody" in operation or any(p["in"] == "query" for p in operation.get("parameters", ())):
                yield pytest.param(path, method, GenerationMode.NEGATIVE, id=f"{method} {path} invalid")


@pytest.fixture(scope="module")
def jobs(api: RunningApi) -> Any:
    """Ids of jobs in every state, for ever; those in the second place have ended."""
    hands = Hands(api)
    ids = {
        name: api.submit(tags=[name]) for name in ("queued", "running", "succeeded", "failed", "cancelled")
    }
    for name in ("running", "succeeded", "failed"):
        hands.run(ids[name])
    hands.report(ids["running"], '{"current": 1}')
    hands.succeed(ids["succeeded"], '{"a": [1, null, "x"]}')
    hands.fail(ids["failed"])
    api.client.post(f"/v1/jobs/{ids['cancelled']}:cancel")
    api.client.post("/v1/schedules", json={"id": "0", "task": "math.any", "every": 60})
    ended = [ids[name] for name in ("succeeded", "failed", "cancelled")]
    return itertools.cycle(ids.values()), itertools.cycle(ended)


@pytest.fixture(scope="module")
def document(api: RunningApi) -> Any:
    """The API's own document."""
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    schema.config.update(headers={"Authorization": f"Bearer {api.key}"}, request_timeout=20)
    return schema


@pytest.mark.parametrize(("path", "method", "mode"), list(_requests()))
def test_every_answer_is_one_that_the_document_tells_of(
    document: Any, api: RunningApi, jobs: Any, path: str, method: str, mode: GenerationMode
) -> None:
    every, ended = jobs
    # A batch is taken as a whole, and tells of each bad job in its outcome.
    unfit = UNFIT | ({"negative_data_rejection"} if path.endswith(":batchCreate") else set())
    checks: Any = [check for name, check in CHECKS._items.items() if name not in unfit]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        if "job_id" in case.path_parameters and len(str(case.path_parameters["job_id"])) % 2:
            # A job that exists is more interesting than the many that do not; a stream must end.
            case.path_parameters["job_id"] = next(ended if path.endswith("/events") else every)
        case.call_and_validate(checks=checks, headers={"Authorization": f"Bearer {api.key}"})

    ask()


def test_every_operation_has_words_and_every_error_is_a_problem(api: RunningApi) -> None:
    for path, operations in api.client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path} has no words"
            for status, reply in operation["responses"].items():
                if int(status) >= 400:
                    assert set(reply["content"]) == {"application/problem+json"}, f"{method} {path} {status}"
