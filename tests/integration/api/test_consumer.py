"""The consumer of k8s/: its script, as its ConfigMap has it, with the token that a pod has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.integration.api.token_review_server import TokenReviewServer

CONSUMER = Path(__file__).parents[3] / "k8s" / "consumer.yaml"


def test_the_consumers_script_submits_with_its_token(start_api: Any, tmp_path: Path) -> None:
    objects = list(yaml.safe_load_all(CONSUMER.read_text()))
    (script,) = [o["data"]["submit.py"] for o in objects if o["kind"] == "ConfigMap"]
    (account,) = [o["metadata"] for o in objects if o["kind"] == "ServiceAccount"]
    (pod,) = [o["spec"]["template"]["spec"] for o in objects if o["kind"] == "Job"]
    (audience,) = [
        source["serviceAccountToken"]["audience"]
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    ]
    subject = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    (tmp_path / "submit.py").write_text(script)
    with TokenReviewServer(tmp_path) as kube:
        api = start_api(
            api_token_audience="windrow",
            api_subjects={subject: ["jobs:write"]},
            api_wait_seconds=0.05,
            kubernetes_url=kube.url,
            kubernetes_credentials=tmp_path,
        )
        token = tmp_path / "consumers-token"
        token.write_text(kube.issue(subject, audiences=[audience]))
        env = {**os.environ, "WINDROW_URL": api.url, "WINDROW_TOKEN_FILE": str(token), "TASK": "math.any"}
        ran = subprocess.run(
            [sys.executable, tmp_path / "submit.py"],
            env={**env, "INPUT": '{"a": 1}', "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert ran.stdout.startswith("202 "), ran.stderr
