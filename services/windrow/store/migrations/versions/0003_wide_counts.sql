-- A task that polls by self.retry() starts more often than a smallint can count: every ten seconds for four days.
-- Rewrites both tables, under an exclusive lock.

ALTER TABLE windrow.jobs
    ALTER COLUMN attempt TYPE integer,
    ALTER COLUMN retries TYPE integer;
ALTER TABLE windrow.attempts
    ALTER COLUMN attempt TYPE integer;
