"""The listed cases, by theme."""

from tests.conformance.cases import calls, canvas, chords, control, options, retries, tasks

__all__ = ["calls", "canvas", "chords", "control", "options", "retries", "tasks"]
