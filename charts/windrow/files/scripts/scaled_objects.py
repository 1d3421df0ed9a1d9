"""Wait until each ScaledObject that NAMES lists is ready: KEDA reads its queue and has made its HPA."""

import json
import os
import sys
import time

from cluster import call

OK = 200
WAIT_SECONDS = 60


def state(namespace, name):
    """(ready, what KEDA says about it)."""
    path = f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects/{name}"
    status, answer = call("GET", path)
    if status != OK:
        return False, f"{status} {answer.get('message')}"
    for condition in answer.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return condition["status"] == "True", f"{condition.get('reason')}: {condition.get('message')}"
    return False, "KEDA has not looked at it"


def main():
    """0 when all are ready in time."""
    namespace, names = os.environ["NAMESPACE"], json.loads(os.environ["NAMES"])
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        states = {name: state(namespace, name) for name in names}
        if all(ready for ready, _ in states.values()) or time.monotonic() > deadline:
            break
        time.sleep(1)
    for name, (ready, why) in states.items():
        sys.stdout.write(f"{name}: {'ready' if ready else 'NOT READY'} ({why})\n")
    return 0 if all(ready for ready, _ in states.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
