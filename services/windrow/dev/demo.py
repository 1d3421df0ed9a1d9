"""The main job of `windrow up`: the parse app over this machine's Python documentation."""

from __future__ import annotations

import threading
from importlib import import_module, util

from windrow.dev.addresses import Addresses
from windrow.dev.terminal import Terminal

MODULE = "windrow_apps.parse.demo"


def available(apps: str) -> bool:
    """Is the parse app served and installed?"""
    try:
        return "parse" in apps.split(",") and util.find_spec(MODULE) is not None
    except ModuleNotFoundError:
        return False


def start_demo(addresses: Addresses, api_key: str, terminal: Terminal) -> threading.Thread:
    """Run it beside the log, in a thread that ends with the process."""

    def run() -> None:
        try:
            import_module(MODULE).run(
                addresses.api_url, api_key, terminal.console, addresses.source_url, addresses.flower_url
            )
        except Exception as error:  # a demo that fails must not look like one that still runs
            terminal.say(f"the parse demo failed: {error!r}")

    thread = threading.Thread(target=run, name="demo", daemon=True)
    thread.start()
    return thread
