"""A running Windrow with all that is scraped of it: two exporters, an API and a scaler, as in a cluster."""

from __future__ import annotations

import json
from pathlib import Path

from tests.monitoring.prometheus import Prometheus, Target
from tests.promises.world import FAST, World
from tests.support.fake_cluster import NAMESPACE, FakeCluster
from tests.support.processes import Door, Doors
from windrow.dev.guard import Guard
from windrow.dev.ports import free_port

QUEUES = ("default", "mail")
#: Nobody serves it.
STUCK = "imports"
SLOTS = 4
MAXMEMORY = 512 * 1024 * 1024
#: Times for a machine that is loaded: nobody here may be taken for dead who is only slow.
ENV = {
    **FAST,
    "WINDROW_APPS": "tests.monitoring.specs:APP",
    "WINDROW_LEASE_SECONDS": "15",
    "WINDROW_RECORD_SECONDS": "0.5",
    "WINDROW_FOLD_SECONDS": "0.2",
}
POOLS = {
    "default": {
        "deployment": "windrow-worker-default",
        "queues": list(QUEUES),
        "concurrency": SLOTS,
        "max": 10,
    }
}


class Stack:
    """Processes, and the Prometheus that looks at them."""

    def __init__(self, guard: Guard, database_url: str, redis_url: str, folder: Path, rules: str) -> None:
        env = {
            **ENV,
            "WINDROW_DATABASE_URL": database_url,
            "WINDROW_REDIS_URL": redis_url,
            "TMPDIR": str(folder),
        }
        self._doors = Doors(guard, env)
        self.cluster = FakeCluster()
        self.world = World(self._doors, database_url, redis_url, folder)
        self._memory = self.world.redis.config_get("maxmemory")["maxmemory"]
        try:
            self._start(folder, rules)
        except BaseException:
            self.close()
            raise

    def _start(self, folder: Path, rules: str) -> None:
        self.world.redis.config_set("maxmemory", MAXMEMORY)
        ports = {name: free_port() for name in ("a", "b")}
        scaler = free_port()
        targets = [Target("windrow-exporter", name, port) for name, port in ports.items()]
        # A process starts for seconds: what does not need another one starts beside it.
        self.worker = self.world.worker("-Q", ",".join(QUEUES), concurrency=SLOTS, wait=False)
        self.beat: Door | None = None
        self.begin_beat()
        for port in ports.values():
            self._doors.start("exporter", env={"WINDROW_EXPORTER_PORT": str(port)})
        self.cluster.add_deployment("windrow-worker-default", 1)
        kubeconfig = self.cluster.kubeconfig(folder / "kubeconfig")
        self._doors.start(
            "scaler",
            env={
                "WINDROW_SCALER_POOLS": json.dumps(POOLS),
                "WINDROW_SCALER_NAMESPACE": NAMESPACE,
                "WINDROW_SCALER_SELECTOR": "app=worker",
                "WINDROW_SCALER_HOST": "127.0.0.1",
                "WINDROW_SCALER_PORT": str(scaler),
                "KUBECONFIG": str(kubeconfig),
            },
            ready="scaler ready",
        )
        self.world.api()
        targets.append(Target("windrow-scaler", "a", scaler))
        targets.append(Target("windrow-api", "a", int(self.world.api_url.rpartition(":")[2])))
        self.worker.expect(r"\bready\b", 60)
        self.world.until_known("reports.render")
        self.prometheus = Prometheus(self._doors, folder, rules, targets)

    def begin_beat(self) -> None:
        """A beat, unless there is one."""
        if self.beat is None:
            self.beat = self.world.beat()

    def end_beat(self) -> None:
        """As a node that is lost."""
        assert self.beat is not None
        self.beat.kill()
        self.beat = None

    def close(self) -> None:
        """End everything."""
        self.world.redis.config_set("maxmemory", self._memory)
        if hasattr(self, "prometheus"):
            self.prometheus.close()
        self._doors.close()
        self.world.close()
        self.cluster.close()
