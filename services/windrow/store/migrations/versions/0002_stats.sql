-- Statistics: what ever happened, counted once, kept apart from the history that retention deletes.

ALTER TABLE windrow.attempts
    ADD COLUMN job_state   windrow.job_state,          -- what this end made of the job
    ADD COLUMN job_seconds real;                       -- from the job's acceptance, when this end was the job's
-- Xids only grow: entries go to the right-most page, and those of one transaction share one.
CREATE INDEX attempts_xid ON windrow.attempts (xid);
-- Of jobs that were forgotten before they were counted: fold deletes them.
CREATE INDEX attempts_forgotten ON windrow.attempts (xid) WHERE attempt < 0;

-- Absolute numbers of one worker's life; retain adds them to the statistics before it deletes the row.
ALTER TABLE windrow.workers
    ADD COLUMN dropped bigint NOT NULL DEFAULT 0,      -- messages of jobs that nobody could claim
    ADD COLUMN late    bigint NOT NULL DEFAULT 0;      -- outcomes of jobs that had been taken over

CREATE INDEX jobs_blocked ON windrow.jobs (queue) WHERE state = 'blocked';

-- One row a counter. A bucket of a histogram is one too: its label is the upper bound, in seconds.
CREATE TABLE windrow.stats (
    task    text COLLATE "C" NOT NULL,
    queue   text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    label   text COLLATE "C" NOT NULL DEFAULT '',
    n       bigint NOT NULL,
    seconds double precision NOT NULL DEFAULT 0,       -- of a bucket: the sum of what fell into it
    PRIMARY KEY (task, queue, name, label)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);

-- What happened without the end of an attempt, appended by the transaction in which it did; fold takes it away.
CREATE TABLE windrow.stats_deltas (
    task  text NOT NULL,
    queue text NOT NULL,
    name  text NOT NULL,
    label text NOT NULL DEFAULT '',
    n     bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- One row: attempts of transactions below next_xid are counted, all others are not.
CREATE TABLE windrow.stats_cursor (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_xid  xid8 NOT NULL,
    folded_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Attempts that are there already will be folded; the jobs' beginnings and ends among them are counted here.
INSERT INTO windrow.stats_cursor (next_xid) VALUES ('0');
INSERT INTO windrow.stats (task, queue, name, n)
SELECT task, queue, 'submitted', count(*) FROM windrow.jobs GROUP BY task, queue;
INSERT INTO windrow.stats (task, queue, name, label, n)
SELECT task, queue, 'finished', state::text, count(*) FROM windrow.jobs
WHERE state IN ('succeeded', 'failed', 'cancelled', 'expired') GROUP BY task, queue, state;
