"""A Celery project as teams write them; it knows nothing of Windrow."""
