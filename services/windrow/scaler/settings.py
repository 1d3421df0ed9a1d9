"""The settings of the cluster door, each with its unit and its reason."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from windrow.broker.address import BrokerSettings
from windrow.core.address_fields import DatabaseUrl, RedisUrl
from windrow.telemetry.settings import TelemetrySettings


class Pool(BaseModel):
    """One pool: the same figures that its Deployment and its ScaledObject have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Name of its Deployment.
    deployment: str = Field(min_length=1)
    #: Queues that it serves.
    queues: tuple[str, ...] = Field(min_length=1)
    #: Jobs that one pod runs at a time; the target of KEDA's formula.
    concurrency: int = Field(ge=1)
    #: Most pods; the ScaledObject's maximum.
    max: int = Field(ge=1)
    #: Its ScaledObject, which may be paused; empty: it is not asked.
    scaled_object: str = ""


class ScalerSettings(BrokerSettings, TelemetrySettings):
    """Read from the environment, as `WINDROW_<NAME>`; only `main` does that."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", frozen=True, extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`; and Redis, `redis://…`, `rediss://…`.
    database_url: DatabaseUrl
    redis_url: RedisUrl
    #: Server-side prepared statements; off behind PgBouncer in transaction mode.
    prepared_statements: bool = True

    #: JSON: pool -> {"deployment", "queues", "concurrency", "max", "scaled_object"}.
    scaler_pools: dict[str, Pool] = Field(min_length=1)
    #: Namespace of the release.
    scaler_namespace: str = Field(min_length=1)
    #: Labels of all pods of these pools.
    scaler_selector: str = "app.kubernetes.io/component=worker"
    #: Name of the Lease that one replica holds.
    scaler_lease: str = "windrow-scaler"
    #: Where /livez and /metrics answer; the kubelet asks from outside of the pod.
    scaler_host: str = "0.0.0.0"
    scaler_port: int = Field(8081, ge=0, le=65_535)

    #: Seconds until a dead holder's place is taken; it acts for two thirds of that after its last renewal.
    scaler_lease_seconds: int = Field(15, ge=2)
    #: Seconds between two renewals, and between two attempts to take over.
    scaler_renew_seconds: float = Field(2.0, gt=0)
    #: Seconds between two looks at who is busy: how late a started job is protected.
    scaler_protect_seconds: float = Field(0.5, gt=0)
    #: Seconds between two looks at the backlog.
    scaler_ramp_seconds: float = Field(1.0, gt=0)

    #: Seconds between two lists of the pods; a worker that the last one lacked asks for another at once.
    scaler_list_seconds: float = Field(10.0, gt=0)
    #: Seconds that a pod stays idle after a short job before it says so: such jobs would cost two patches each.
    scaler_linger_seconds: float = Field(2.0, ge=0)
    #: Seconds between two changes of a busy pod's rank; whoever was busy for so long ranks higher.
    scaler_rank_seconds: float = Field(5.0, ge=0)
    #: Patches of pods in a second, in the long run and at once: what the API server is asked to bear.
    scaler_patches_per_second: float = Field(20.0, gt=0)
    scaler_patches_at_once: int = Field(40, ge=1)
    #: Seconds that a Deployment's size is taken for known, as long as it suffices.
    scaler_size_seconds: float = Field(2.0, ge=0)
    #: Seconds without a ramp after somebody lowered what we had raised; doubles, up to twenty times.
    scaler_yield_seconds: float = Field(15.0, gt=0)

    #: Seconds for a call to the API server to connect, and to answer.
    scaler_cluster_seconds: float = Field(3.0, gt=0)
    #: Seconds of one statement; the ledger is asked twice a second, so a slow answer is a stale one.
    scaler_statement_seconds: float = Field(2.0, gt=0)
    #: Seconds of one question to the broker.
    scaler_broker_seconds: float = Field(2.0, gt=0)
    #: Longest pause between two attempts of what fails.
    scaler_failure_seconds: float = Field(5.0, gt=0)
    #: Seconds after which a loop that did not turn makes /livez fail: more than all its waits together.
    scaler_stuck_seconds: float = Field(60.0, gt=0)
    #: Seconds that the loops get to end on SIGTERM.
    scaler_stop_seconds: float = Field(10.0, gt=0)
