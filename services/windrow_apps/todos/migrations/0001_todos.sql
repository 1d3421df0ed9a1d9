-- To-dos and what belongs to them.
CREATE SCHEMA IF NOT EXISTS todos;

-- A row for everybody who ever changed something. The generation is new with each change, in the change's own
-- transaction: what was cached under another one is never read again. Changes of an owner lock this row first.
CREATE TABLE IF NOT EXISTS todos.owners (
    owner       text PRIMARY KEY,
    generation  uuid NOT NULL
);

CREATE TABLE IF NOT EXISTS todos.tasks (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner          text        NOT NULL,
    title          text        NOT NULL,
    description    text        NOT NULL,
    completed      boolean     NOT NULL,
    deadline       timestamptz,
    timezone       text        NOT NULL, -- IANA name: whose wall clock "a day before" follows
    overdue        boolean     NOT NULL, -- set by the hourly check, so that it changes with a generation
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    completed_at   timestamptz,
    remind_at      timestamptz,          -- NULL: completed, no deadline, or it was past when it was set
    reminder_job   text,                 -- the id of the job that reminds; another one with each other remind_at
    reminder_kept  boolean     NOT NULL  -- the platform has that job; until then the hourly check submits it
);

CREATE INDEX IF NOT EXISTS tasks_owner ON todos.tasks (owner, id);
CREATE INDEX IF NOT EXISTS tasks_due ON todos.tasks (deadline) WHERE NOT completed AND NOT overdue;
CREATE INDEX IF NOT EXISTS tasks_done ON todos.tasks (completed_at) WHERE completed;
CREATE INDEX IF NOT EXISTS tasks_unkept ON todos.tasks (id) WHERE reminder_job IS NOT NULL AND NOT reminder_kept;

-- What owners were told; each thing once, however often its job runs.
CREATE TABLE IF NOT EXISTS todos.notices (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner       text        NOT NULL,
    task_id     bigint      NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('reminder', 'overdue')),
    moment      timestamptz NOT NULL, -- remind_at of a reminder, the deadline of an overdue to-do
    title       text        NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE (task_id, kind, moment)
);
CREATE INDEX IF NOT EXISTS notices_created ON todos.notices (created_at);

-- How many to-dos of each kind an owner had at the end of a day (UTC).
CREATE TABLE IF NOT EXISTS todos.days (
    owner      text    NOT NULL,
    day        date    NOT NULL,
    total      integer NOT NULL,
    completed  integer NOT NULL,
    overdue    integer NOT NULL,
    PRIMARY KEY (owner, day)
);

-- Exports, by the id of their job; the file is in parts, so that neither end holds it whole.
CREATE TABLE IF NOT EXISTS todos.exports (
    export_id    text        PRIMARY KEY,
    owner        text        NOT NULL,
    format       text        NOT NULL CHECK (format IN ('json', 'csv')),
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    rows         bigint      NOT NULL DEFAULT 0,
    bytes        bigint      NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS exports_created ON todos.exports (created_at);

CREATE TABLE IF NOT EXISTS todos.export_parts (
    export_id  text    NOT NULL REFERENCES todos.exports ON DELETE CASCADE,
    part       integer NOT NULL,
    data       bytea   NOT NULL,
    PRIMARY KEY (export_id, part)
);

-- How far a bulk update is, saved with each batch: one that starts again changes nothing twice.
CREATE TABLE IF NOT EXISTS todos.bulk_runs (
    run_id      text        PRIMARY KEY,
    done        integer     NOT NULL, -- ids that were looked at
    changed     integer     NOT NULL, -- those of them that still were there
    started_at  timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS bulk_runs_started ON todos.bulk_runs (started_at);
