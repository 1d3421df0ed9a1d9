"""Free TCP ports on loopback, the usual one first."""

from __future__ import annotations

import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"


def free_port(usual: int = 0, taken: Collection[int] = ()) -> int:
    """`usual` when nobody listens there and it is not in `taken`, else one that the system picks.

    The port is free when this returns, not reserved: whoever binds it must be ready to ask again.
    """
    candidates = [usual] if usual and usual not in taken else []
    for port in [*candidates, 0]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # A port in TIME_WAIT is free for a server, and every server here sets the same option.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free TCP port on loopback")
