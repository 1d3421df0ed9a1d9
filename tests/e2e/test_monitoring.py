"""A real Prometheus over the release: what KEDA and kube-state-metrics tell, and the alerts that only a cluster raises.

WINDROW_RECORD=1 writes the names of others' metrics anew, WINDROW_PICTURES=1 draws two pictures of docs/dashboards.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tools import dashboards as environment

from tests.chart.exposed import foreign, series_of
from tests.chart.test_dashboards import FILES, load
from tests.e2e import recording
from tests.e2e.figures import Figures
from tests.e2e.flower import picture
from tests.e2e.helm import pools
from tests.e2e.images import ROOT
from tests.e2e.platform import now
from tests.e2e.release import Release, new_tag
from tests.e2e.scraping import PodTarget, targets
from tests.e2e.waiting import eventually
from tests.monitoring.prometheus import Prometheus
from tests.support.processes import Doors
from windrow.dev.guard import Guard

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
VALUES = Path(__file__).with_name("monitoring.yaml")
PICTURES = ROOT / "docs" / "dashboards"
#: Windrow's doors, with the port of each.
DOORS = {"exporter": 9108, "api": 8000, "scaler": 8081, "celery-exporter": 9808}
FIRE_SECONDS = 150
#: KEDA's user in the built-in Redis; the second is what the chart gives it.
NO_RIGHTS, RIGHTS = "-@all", "+ping +eval +type +llen +hlen"
#: Of celery-exporter's dashboards.
COMMUNITY = {
    *("celery_task_received_total", "celery_task_started_total", "celery_task_succeeded_total"),
    *(
        "celery_task_failed_total",
        "celery_task_runtime_bucket",
        "celery_worker_up",
        "celery_worker_tasks_active",
    ),
    *("celery_active_worker_count", "celery_active_process_count", "celery_queue_length"),
}


@dataclass(frozen=True)
class Watched:
    """The release, and the Prometheus that looks at it since a moment of Unix time."""

    release: Release
    prometheus: Prometheus
    rules: str
    began: float


@pytest.fixture(scope="module")
def watched(release: Release, guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Up, scraped, with some work done."""
    others = _others()
    release.helm.upgrade(*pools(release.images, release.subjects), "--values", str(VALUES))
    release.ready()
    rules = release.cluster.config_map(f"{release.helm.release}-rules", "windrow.rules.yaml")
    doors = Doors(guard, {})
    try:
        scraped = [*others, *_doors(release)]
        prometheus = Prometheus(doors, tmp_path_factory.mktemp("prometheus"), rules, scraped)
        began = time.time()
        for job in {target.job for target in scraped}:
            up = f'min(up{{job="{job}"}})'
            eventually(f"{job} is scraped", 60, lambda up=up: prometheus.value(up) == 1)  # type: ignore[misc]
        _work(release)
        yield Watched(release, prometheus, rules, began)
        prometheus.close()
    finally:
        doors.close()


def _others() -> list[PodTarget]:
    found = targets("keda-operator", "app=keda-operator", 8080)
    state = targets(
        "kube-state-metrics", "app.kubernetes.io/name=kube-state-metrics", 8080, honor_labels=True
    )
    if not found or not state:
        pytest.skip("the cluster has no kube-state-metrics or no KEDA operator to scrape")
    return [*found, *state]


def _doors(release: Release) -> Iterator[PodTarget]:
    for component, port in DOORS.items():
        selector = (
            f"app.kubernetes.io/instance={release.helm.release},app.kubernetes.io/component={component}"
        )
        name, patient = f"{release.helm.release}-{component}", component == "celery-exporter"
        yield from targets(name, selector, port, release.cluster.namespace, patient=patient)


def _work(release: Release) -> None:
    """Jobs that go well, and two that cannot: nobody sleeps for less than no time."""
    tag = new_tag("seen")
    ids = release.platform.sleeps([1.0] * 8 + [-1.0] * 2, queue="burst", tag=tag)
    release.platform.ended(tag, len(ids), 120)


def test_the_community_metrics_of_celery_exporter_are_there(watched: Watched) -> None:
    match = '{__name__=~"celery_.+",job="' + f'{watched.release.helm.release}-celery-exporter"' + "}"

    def missing() -> set[str]:
        return COMMUNITY - {series["__name__"] for series in watched.prometheus.series(match)}

    eventually("all of them", 90, lambda: not missing() or None)
    failed = 'sum(celery_task_failed_total{name="project.sleep",queue_name="burst"})'
    eventually("the failures are counted", 30, lambda: watched.prometheus.value(failed) == 2)


def test_a_pool_that_stays_at_its_maximum_is_told_of(watched: Watched, figures: Figures) -> None:
    release, prometheus, tag = watched.release, watched.prometheus, new_tag("most")
    began, told = time.time(), now()
    ids = release.platform.sleeps([20.0] * 24, queue="burst", tag=tag)
    alert = _alert(watched, "WindrowPoolAtMaximum")
    figures.add(
        "alerts on the cluster", "a pool at its maximum, from the flood to the Alertmanager", now() - told
    )
    assert alert["horizontalpodautoscaler"].endswith("worker-burst")
    release.platform.ended(tag, len(ids), 180)
    assert prometheus.fired(began) == {"WindrowPoolAtMaximum"}
    release.empty("burst")


def test_every_query_that_wants_a_cluster_has_data(watched: Watched) -> None:
    known = foreign().keys() - {"ALERTS"}
    span = f"{int(time.time() - watched.began)}s"
    asked = {"$__rate_interval": "20s", "$__range": span, "$namespace": watched.release.cluster.namespace}
    seen, empty = 0, []
    for path in FILES:
        for panel in load(path)["panels"]:
            for target in panel.get("targets", ()):
                expr = str(target["expr"])
                if path.stem != "autoscaling" and not known & {name for name, _ in series_of(expr)}:
                    continue
                for variable, value in asked.items():
                    expr = expr.replace(variable, value)
                seen += 1
                found = watched.prometheus.over(expr, watched.began)
                if not [v for series in found for _, v in series["values"] if v != "NaN"]:
                    empty.append(f"{path.stem}: {panel['title']}: {expr}")
    assert seen > 20
    assert empty == []


def test_a_redis_that_keda_may_not_read_is_told_of(watched: Watched, figures: Figures) -> None:
    prometheus = watched.prometheus
    eventually("no alert", FIRE_SECONDS, prometheus.quiet)
    began, told = time.time(), now()
    _acl(watched.release, NO_RIGHTS)
    try:
        alert = _alert(watched, "WindrowKedaErrors")
    finally:
        _acl(watched.release, RIGHTS)
    figures.add(
        "alerts on the cluster", "KEDA's errors, from the lost right to the Alertmanager", now() - told
    )
    assert "-worker-" in alert["scaledObject"]
    assert prometheus.fired(began) == {"WindrowKedaErrors"}
    eventually("it is over", FIRE_SECONDS, prometheus.quiet)


def test_the_metrics_of_others_are_as_they_were_recorded(watched: Watched) -> None:
    prometheus = watched.prometheus
    seen = recording.seen(prometheus.series(recording.MATCH))
    if os.environ.get("WINDROW_RECORD"):
        recording.write(seen, _versions(prometheus))
    exprs = [
        target["expr"]
        for path in FILES
        for panel in load(path)["panels"]
        for target in panel.get("targets", ())
    ]
    groups = yaml.safe_load(watched.rules)["groups"]
    exprs += [rule["expr"] for group in groups for rule in group["rules"]]
    used = {name for expr in exprs for name, _ in series_of(expr)} & foreign().keys()
    assert len(used) > 5
    assert {name: seen.get(name) for name in used} == {name: foreign()[name] for name in used}


def test_flower_shows_the_workers_and_nobody_without_the_password(
    watched: Watched, figures: Figures, tmp_path: Path
) -> None:
    drawn = picture(watched.release, tmp_path / "flower.png")
    figures.add("Flower", "workers that it shows", drawn)
    if os.environ.get("WINDROW_PICTURES"):
        shutil.copy(tmp_path / "flower.png", PICTURES / "flower.png")


@pytest.mark.skipif("WINDROW_PICTURES" not in os.environ, reason="WINDROW_PICTURES=1 draws it")
def test_the_picture_of_the_docs_is_drawn_from_this(watched: Watched, tmp_path: Path) -> None:
    namespace, since = watched.release.cluster.namespace, str(int(watched.began))
    arguments = (
        "-m",
        "infra.dashboards.draw",
        watched.prometheus.url,
        since,
        str(tmp_path),
        namespace,
        "autoscaling",
    )
    command = [str(environment.python()), *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shutil.copy(tmp_path / "autoscaling.png", PICTURES / "autoscaling-cluster.png")


def _alert(watched: Watched, name: str) -> dict[str, str]:
    """The labels of the first one of that name at the Alertmanager."""
    found = eventually(f"{name} fires", FIRE_SECONDS, lambda: watched.prometheus.alerts().get(name) or None)
    notes = json.dumps(found[0]["annotations"])
    assert f"/{name}.md" in notes
    return dict(found[0]["labels"])


def _acl(release: Release, rights: str) -> None:
    (pod,) = release.cluster.pods("redis")
    said = release.cluster.run(pod.name, "sh", "-c", f'redis-cli ACL SETUSER "$KEDA_USERNAME" {rights}')
    assert said.strip() == "OK", said


def _versions(prometheus: Prometheus) -> dict[str, str]:
    """kube-state-metrics tells its own on another port."""
    (keda, *_) = prometheus.series("keda_build_info")
    return {"KEDA": keda["version"], "kube-state-metrics": "v2", "Prometheus": "2"}
