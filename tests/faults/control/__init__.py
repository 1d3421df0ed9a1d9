"""The control: plain Celery on Redis, as its documentation recommends it, under the same faults."""
