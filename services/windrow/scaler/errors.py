"""What goes wrong between us and the cluster."""

from __future__ import annotations

from windrow.core.errors import WindrowError


class ClusterUnavailable(WindrowError):
    """The API server did not answer in time, is overloaded, or failed: try later."""


class ClusterRefused(WindrowError):
    """The API server understood and said no; `status` is its code."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotThere(ClusterRefused):
    """There is no such object, or no longer."""


class Conflict(ClusterRefused):
    """Somebody else changed the object since we read it."""
