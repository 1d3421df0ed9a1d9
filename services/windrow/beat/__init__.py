"""The Celery beat door: schedules in the ledger, and the chores that keep every job on its way."""
