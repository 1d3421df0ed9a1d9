"""Failover of a real Redis by a real Sentinel."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import kombu as _kombu
import pytest
import redis
import trustme

from tests.support.broker_consumer import ids
from windrow.broker.channels import Signals
from windrow.broker.connect import celery_broker, celery_tls
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.intake import Budget, Intake
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.broker.transport import SentinelTransport
from windrow.dev.ports import free_port
from windrow.dev.redis_program import redis_program

HOST = "127.0.0.1"
kombu: Any = _kombu


class Cluster:
    """A master, a replica, and one sentinel that decides alone."""

    def __init__(self, folder: Path, tls: bool) -> None:
        self._folder = folder
        self._tls = tls
        if tls:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(folder / "ca.crt"))
            authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(
                str(folder / "server.pem")
            )
        self.ports = [free_port(0, set()) for _ in range(3)]
        master, replica, sentinel = self.ports
        self._processes = [
            self._start("master", master, ""),
            self._start("replica", replica, f"replicaof {HOST} {master}\n"),
        ]
        watch = f"sentinel monitor it {HOST} {master} 1\nsentinel down-after-milliseconds it 500\n"
        self._wait(replica, lambda client: client.info("replication")["master_link_status"] == "up")
        watch += "sentinel failover-timeout it 2000\n"
        self._processes.append(self._start("sentinel", sentinel, watch))
        self._wait(sentinel, lambda client: client.sentinel_master("it")["num-slaves"] == 1)

    @property
    def url(self) -> str:
        tls = f"&ssl_ca_certs={self._folder}/ca.crt" if self._tls else ""
        return f"sentinel://{HOST}:{self.ports[2]}/0?master_name=it{tls}"

    def client(self, port: int) -> redis.Redis:
        tls: Any = {"ssl": True, "ssl_ca_certs": f"{self._folder}/ca.crt"} if self._tls else {}
        return redis.Redis(HOST, port, **tls)

    def kill_master(self) -> None:
        self._processes[0].kill()
        self._processes[0].wait(5)

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(5)

    def _start(self, name: str, port: int, more: str) -> subprocess.Popen[bytes]:
        folder = self._folder / name
        folder.mkdir()
        config = folder / "redis.conf"
        where = f'bind {HOST}\ndir "{folder}"\n{self._ports(port)}'
        if name != "sentinel":
            where += 'save ""\nrepl-diskless-sync-delay 0\n'
        config.write_text(where + more)
        argv: list[str | Path] = [redis_program(), config]
        process = subprocess.Popen(argv + ["--sentinel"] * (name == "sentinel"), stdout=subprocess.DEVNULL)
        self._wait(port, lambda client: client.ping())
        return process

    def _ports(self, port: int) -> str:
        if not self._tls:
            return f"port {port}\n"
        files = f'tls-cert-file "{self._folder}/server.pem"\ntls-key-file "{self._folder}/server.pem"\n'
        files += f'tls-ca-cert-file "{self._folder}/ca.crt"\n'
        return f"port 0\ntls-port {port}\ntls-auth-clients no\ntls-replication yes\n{files}"

    def _wait(self, port: int, met: Any) -> None:
        with self.client(port) as client:
            for _ in range(400):
                with suppress(redis.RedisError, KeyError):
                    if met(client):
                        return
                time.sleep(0.05)
        raise AssertionError(f"the server on {port} did not get there")


@pytest.fixture(params=["plain", "tls"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    tls = request.param == "tls"
    if tls and not _speaks_tls():
        pytest.skip("the redis-server here was built without TLS")
    cluster = Cluster(tmp_path, tls)
    yield cluster
    cluster.close()


def _speaks_tls() -> bool:
    command = [str(redis_program()), "--port", "0", "--tls-port", "0", "--check-system"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return "tls-port" not in found.stdout + found.stderr


def publish_soon(publisher: Publisher, job_id: str) -> None:
    for _ in range(200):
        with suppress(BrokerUnavailable):
            publisher.publish([Message(job_id, "t", "q")], signals=[("windrow:beat", job_id)])
            return
        time.sleep(0.1)
    raise AssertionError("the publisher did not find the new master")


def test_publisher_consumer_and_signals_follow_the_master(cluster: Cluster) -> None:
    publisher, signals = Publisher(cluster.url), Signals(cluster.url, "windrow:beat")
    intake = Intake("w1", "pool", {"q"}, lambda: Budget(10))
    broker_url, options = celery_broker(cluster.url)
    got: list[Any] = []
    connection = kombu.Connection(
        broker_url,
        transport=SentinelTransport,
        transport_options={**options, "windrow_intake": intake},
        ssl=celery_tls(cluster.url) or False,
    )
    kombu.Consumer(connection.default_channel, [kombu.Queue("q")], on_message=got.append).consume()

    def drain_until(count: int) -> None:
        deadline = time.monotonic() + 20
        while len(got) < count and time.monotonic() < deadline:
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.2)

    assert signals.wait(0.1) is None
    publish_soon(publisher, "before")
    drain_until(1)
    assert signals.wait(2) == "before"
    cluster.kill_master()
    publish_soon(publisher, "after")
    drain_until(2)
    assert ids(got) == ["before", "after"]
    got[0].ack()
    for turn in range(50):
        publish_soon(publisher, f"signal-{turn}")
        if (signals.wait(0.2) or "").startswith("signal"):
            break
    else:
        raise AssertionError("no signal after the failover")
    # What is held is known to the new master, too.
    with cluster.client(cluster.ports[1]) as client:
        drain_until(3)
        assert client.hlen("unacked:pool") == len(intake.tags())
    connection.close()
    signals.close()
    publisher.close()
