"""`windrow scaler` as a process: two replicas, probes, outages and a clean end."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.beat_world import wait_until
from tests.integration.scaler.conftest import POOLS, World
from tests.support.fake_cluster import NAMESPACE
from tests.support.processes import Door, Doors
from windrow.dev.redis_server import RedisServer
from windrow.scaler.marks import COST
from windrow.scaler.metrics import Metrics
from windrow.scaler.server import Server

pytestmark = pytest.mark.timeout(120)

#: Times at about a twentieth of the defaults.
FAST = {
    "SCALER_LEASE_SECONDS": "2",
    "SCALER_RENEW_SECONDS": "0.1",
    "SCALER_PROTECT_SECONDS": "0.05",
    "SCALER_RAMP_SECONDS": "0.05",
    "SCALER_LINGER_SECONDS": "0.1",
    "SCALER_FAILURE_SECONDS": "0.2",
}


class Replica:
    """One process and its HTTP port."""

    def __init__(self, door: Door, port: int) -> None:
        self.door = door
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self._url}{path}", timeout=5)

    def metric(self, name: str) -> float:
        found = re.search(
            rf"^windrow_scaler_{re.escape(name)} (\S+)$", self.get("/metrics").text, re.MULTILINE
        )
        assert found, name
        return float(found[1])

    def leads(self) -> bool:
        return self.metric("leader") == 1


@pytest.fixture
def start(world: World, doors: Doors, tmp_path: Path) -> Any:
    world.cluster.add_deployment("w-default", 0)
    world.cluster.add_deployment("w-slow", 0)
    world.cluster.add_scaled_object("w-slow")
    kubeconfig = world.cluster.kubeconfig(tmp_path / "kubeconfig")

    def start() -> Replica:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        env = {f"WINDROW_{name}": value for name, value in FAST.items()} | {
            "WINDROW_SCALER_POOLS": json.dumps(POOLS),
            "WINDROW_SCALER_NAMESPACE": NAMESPACE,
            "WINDROW_SCALER_SELECTOR": "app=worker",
            "WINDROW_SCALER_HOST": "127.0.0.1",
            "WINDROW_SCALER_PORT": str(port),
            "KUBECONFIG": str(kubeconfig),
        }
        return Replica(doors.start("scaler", env=env, ready="scaler ready"), port)

    return start


def test_two_replicas_one_acts_and_the_other_takes_over_from_a_clean_end(world: World, start: Any) -> None:
    one = start()
    wait_until(one.leads)
    other = start()
    assert not other.leads()
    assert [replica.get("/livez").status_code for replica in (one, other)] == [200, 200]
    world.cluster.add_pods("p1")
    world.begin(world.worker("p1"))
    world.enqueue("a", 6)
    wait_until(lambda: COST in world.cluster.annotations("p1"))
    wait_until(lambda: world.cluster.replicas("w-default") == 3)
    # It counts once it has the cluster's answer.
    wait_until(lambda: one.metric('ramps_total{pool="default"}') == 1)
    assert other.metric('pod_patches_total{kind="protect"}') == 0

    one.door.send(signal.SIGTERM)
    assert one.door.wait(30)
    one.door.reap()
    assert one.door.returncode == 0, one.door.log()
    assert one.door.says("gave back the lease")
    wait_until(other.leads)
    world.cluster.add_pods("p2")
    world.begin(world.worker("p2"))
    wait_until(lambda: COST in world.cluster.annotations("p2"))


def test_a_replica_that_is_killed_is_followed_by_another(start: Any) -> None:
    one = start()
    wait_until(one.leads)
    other = start()
    one.door.kill()
    wait_until(other.leads)


def test_it_lives_through_an_outage_of_the_api_server_and_of_redis_and_says_each_once(
    world: World, start: Any, redis_server: RedisServer
) -> None:
    one = start()
    wait_until(one.leads)
    world.cluster.trouble = lambda call: (503, {"message": "away"})
    wait_until(lambda: one.metric('errors_total{source="cluster"}') > 5)
    assert one.get("/livez").status_code == 200
    world.cluster.trouble = lambda call: None
    wait_until(one.leads)
    redis_server.kill()
    try:
        wait_until(lambda: one.metric('errors_total{source="broker"}') > 5)
        # Who is busy does not depend on Redis.
        world.cluster.add_pods("p1")
        world.begin(world.worker("p1"))
        wait_until(lambda: COST in world.cluster.annotations("p1"))
        assert one.get("/livez").status_code == 200
    finally:
        redis_server.start()
    world.enqueue("a", 2)
    wait_until(lambda: world.cluster.replicas("w-default") == 1)
    one.door.expect("ramp works again")
    log = one.door.log()
    assert log.count("ramp failed") == 1, log
    assert log.count("lease failed") == 1, log


def test_livez_names_the_loop_that_does_not_turn() -> None:
    stuck: list[str] = []
    server = Server("127.0.0.1", 0, Metrics([]).registry, lambda: stuck)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert httpx.get(f"{url}/livez", timeout=5).status_code == 200
        stuck.append("protect")
        answer = httpx.get(f"{url}/livez", timeout=5)
        assert (answer.status_code, answer.text) == (503, "stuck: protect\n")
        assert httpx.get(f"{url}/other", timeout=5).status_code == 404
    finally:
        server.stop()
