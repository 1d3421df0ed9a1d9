"""Windrow beside stock Celery, measured in one run: `python -m tests.bench --help`."""
