"""The worker door: stock Celery with batched claims and finishes, and everything that adopts an app."""
