"""What can stop `windrow up`; each message is a whole line for the person at the terminal."""

from __future__ import annotations

from windrow.core.errors import WindrowError


class DevError(WindrowError):
    """Base of this room's errors."""


class NotInstalled(DevError):
    """A server's program is not on this machine; the message says what to install."""


class ServerFailed(DevError):
    """An embedded server did not start or did not answer; the message ends with the last lines of its log."""


class PartFailed(DevError):
    """A part of `windrow up` ended, or was not ready in time, during the start."""


class AlreadyRunning(DevError):
    """Another `windrow up` holds this folder; the message says where it answers."""
