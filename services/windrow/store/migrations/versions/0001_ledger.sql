-- The ledger: every job, what it was given, each of its attempts, and who holds it.

CREATE TYPE windrow.job_state AS ENUM (
    'scheduled', 'blocked', 'queued', 'claimed', 'running', 'retrying',
    'succeeded', 'failed', 'cancelled', 'expired');

-- One row a job, under 300 bytes: what is long lies in payloads and attempts.
CREATE TABLE windrow.jobs (
    id               text COLLATE "C" PRIMARY KEY,
    task             text NOT NULL,
    queue            text NOT NULL,
    state            windrow.job_state NOT NULL,
    priority         smallint NOT NULL DEFAULT 0,
    attempt          smallint NOT NULL DEFAULT 0,      -- starts
    failures         smallint NOT NULL DEFAULT 0,      -- those that count against max_attempts
    retries          smallint NOT NULL DEFAULT 0,      -- Celery's request.retries
    claims           smallint NOT NULL DEFAULT 0,      -- claims that ended with a lost worker, and the current one
    losses           smallint NOT NULL DEFAULT 0,      -- starts that ended with a lost worker beside others
    max_attempts     smallint NOT NULL,
    retry_errors     boolean NOT NULL DEFAULT false,
    cancel_requested boolean NOT NULL DEFAULT false,
    has_tags         boolean NOT NULL DEFAULT false,
    token            bigint,                           -- the fence of the current claim
    worker           text COLLATE "C",
    hard_limit       real,                             -- seconds
    soft_limit       real,                             -- seconds
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_at           timestamptz,
    expires_at       timestamptz,
    published_at     timestamptz,                      -- when its message was last sent; NULL: the relay's to send
    started_at       timestamptz,                      -- of the last attempt
    finished_at      timestamptz,
    parent_id        text COLLATE "C",
    root_id          text COLLATE "C",
    replay_of        text COLLATE "C"
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);

-- Live states only: history never slows a claim.
-- Unsent apart from sent: the relay reads the head of the one, settle all of the other, however long both are.
CREATE INDEX jobs_queued ON windrow.jobs (queue, (published_at IS NULL), priority DESC, created_at) WHERE state = 'queued';
CREATE INDEX jobs_due ON windrow.jobs (run_at) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX jobs_held ON windrow.jobs (worker) WHERE state IN ('claimed', 'running');
CREATE INDEX jobs_expiring ON windrow.jobs (expires_at)
    WHERE expires_at IS NOT NULL AND state IN ('scheduled', 'blocked', 'queued', 'retrying');
CREATE INDEX jobs_failed ON windrow.jobs (id) WHERE state = 'failed';
CREATE INDEX jobs_finished ON windrow.jobs (finished_at) WHERE finished_at IS NOT NULL;

-- Text, not jsonb: NaN and \u0000 are legal in what Celery tasks pass.
CREATE TABLE windrow.payloads (
    job_id  text COLLATE "C" PRIMARY KEY,
    input   text NOT NULL,                             -- [args, kwargs]
    options text,
    tags    text[]
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
CREATE INDEX payloads_tags ON windrow.payloads USING gin (tags) WHERE tags IS NOT NULL;

-- One row an ended attempt; the result of a succeeded job is its last attempt's.
CREATE TABLE windrow.attempts (
    job_id      text COLLATE "C" NOT NULL,
    attempt     smallint NOT NULL,
    outcome     text NOT NULL,
    task        text NOT NULL,
    queue       text NOT NULL,
    worker      text,
    due_at      timestamptz,                           -- when it could have started
    started_at  timestamptz,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    result      text,
    error       text,                                  -- {"cls", "module", "message", "traceback", "args"}
    children    text,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (job_id, attempt)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);

CREATE TABLE windrow.progress (
    job_id     text COLLATE "C" PRIMARY KEY,
    state      text NOT NULL,
    meta       text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE TABLE windrow.chords (
    id         text COLLATE "C" PRIMARY KEY,
    size       integer NOT NULL,
    remaining  integer NOT NULL,
    body       text NOT NULL,                          -- what the last part sets free, as JSON
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    freed_at   timestamptz
) WITH (fillfactor = 50);
CREATE TABLE windrow.chord_parts (
    chord_id text COLLATE "C" NOT NULL,
    index    integer NOT NULL,
    job_id   text COLLATE "C" NOT NULL,
    result   text,
    error    text,
    PRIMARY KEY (chord_id, job_id)
);

-- GroupResult.save(): ids of a group's members in Celery's own JSON.
CREATE TABLE windrow.groups (
    id         text COLLATE "C" PRIMARY KEY,
    result     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Idempotency keys and unique jobs: a name that belongs to one job for a while.
CREATE TABLE windrow.guards (
    name       text COLLATE "C" PRIMARY KEY,
    job_id     text COLLATE "C" NOT NULL,
    hash       text,
    expires_at timestamptz NOT NULL
);
CREATE INDEX guards_expiry ON windrow.guards (expires_at);

CREATE TABLE windrow.tasks (
    name         text COLLATE "C" PRIMARY KEY,
    queue        text NOT NULL,
    input_schema text,                                 -- JSON Schema of the keyword arguments; NULL: any JSON
    summary      text,
    max_attempts smallint NOT NULL DEFAULT 3,
    retry        text,                                 -- {"max_attempts", "base", "factor", "cap"}
    hard_limit   real,
    soft_limit   real,
    priority     smallint NOT NULL DEFAULT 0,
    pool         text NOT NULL,
    release      text NOT NULL,
    declared_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at   timestamptz
);

CREATE TABLE windrow.queues (
    name           text COLLATE "C" PRIMARY KEY,
    paused_at      timestamptz,
    accept_foreign boolean NOT NULL DEFAULT false,
    settled_at     timestamptz,                        -- when its sent jobs were last compared with the broker
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE windrow.workers (
    id          text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,                         -- Celery's node name
    pool        text NOT NULL,
    pool_type   text NOT NULL,
    queues      text[] NOT NULL,
    concurrency integer NOT NULL,
    release     text NOT NULL,
    host        text NOT NULL,
    pid         integer NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz NOT NULL,
    busy        integer NOT NULL DEFAULT 0,
    draining    boolean NOT NULL DEFAULT false,
    drain_asked boolean NOT NULL DEFAULT false,
    ended_at    timestamptz,
    lost        boolean NOT NULL DEFAULT false,
    forgotten_at timestamptz                           -- when its tags were removed from the unacked hash
) WITH (fillfactor = 50);

CREATE TABLE windrow.schedules (
    id          text COLLATE "C" PRIMARY KEY,
    task        text NOT NULL,
    queue       text,
    input       text NOT NULL DEFAULT '[[], {}]',
    options     text,
    priority    smallint NOT NULL DEFAULT 0,
    kind        text NOT NULL,                         -- cron, crontab (Celery's), interval, once
    spec        text NOT NULL,                         -- cron expression, seconds, or ISO moment
    timezone    text NOT NULL DEFAULT 'UTC',
    enabled     boolean NOT NULL DEFAULT true,
    paused_at   timestamptz,
    origin      text NOT NULL DEFAULT 'api',           -- api, or code
    release     text,                                  -- of origin code: the release that declared it
    edited      boolean NOT NULL DEFAULT false,        -- changed by API: the code's word no longer counts
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_at     timestamptz,
    last_at     timestamptz,
    error       text,                                  -- why it could not fire, or was refused
    failed_at   timestamptz,
    declared_at timestamptz                            -- of origin code: when its release last said so
);
CREATE INDEX schedules_next ON windrow.schedules (next_at) WHERE enabled AND paused_at IS NULL;
CREATE TABLE windrow.ticks (
    schedule_id text COLLATE "C" NOT NULL,
    fire_at     timestamptz NOT NULL,
    job_id      text COLLATE "C",
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (schedule_id, fire_at)
);

CREATE TABLE windrow.api_keys (
    id         text COLLATE "C" PRIMARY KEY,
    name       text NOT NULL,
    hash       bytea NOT NULL,                         -- SHA-256 of the key; the key itself is 256 random bits
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE windrow.chores (
    name         text COLLATE "C" PRIMARY KEY,
    succeeded_at timestamptz,
    failed_at    timestamptz,
    error        text,
    done         bigint NOT NULL DEFAULT 0             -- rows it acted on, ever
) WITH (fillfactor = 50);
