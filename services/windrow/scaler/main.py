"""`windrow scaler`: choose which workers go and raise pools in a burst, configured by the environment."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from types import FrameType

from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.config import load_incluster_config, load_kube_config

from windrow.scaler.scaler import Scaler
from windrow.scaler.settings import ScalerSettings
from windrow.telemetry import logs

logger = logging.getLogger(__name__)

HOUR_SECONDS = 3600.0


def main(argv: list[str]) -> int:
    """Run until SIGTERM; `argv` is empty, for every setting is a WINDROW_ variable. 1: something did not end."""
    settings = ScalerSettings()
    secrets = (settings.database_url, settings.redis_url, settings.amqp_url)
    logs.configure("scaler", settings.log_format, secrets=secrets)
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    scaler = Scaler(settings, ApiClient(_configuration()), _identity())
    scaler.start()
    logger.info("scaler ready")
    while not stopping.wait(HOUR_SECONDS):
        pass
    return 0 if scaler.stop() else 1


def _identity() -> str:
    """For people the pod's name; the rest keeps two processes of one host name apart."""
    return f"{socket.gethostname()}_{os.urandom(4).hex()}"


def _configuration() -> Configuration:
    """The pod's own account; KUBECONFIG, for a scaler outside of the cluster, comes first."""
    configuration = Configuration()
    if os.environ.get("KUBECONFIG"):
        load_kube_config(client_configuration=configuration)
    else:
        load_incluster_config(client_configuration=configuration)
    # A call that failed is made again by the loop that made it, a little later.
    configuration.retries = False
    return configuration
