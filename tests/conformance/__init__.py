"""A real Celery project, unchanged, on stock Celery and under adopt: the same cases must leave the same records."""
