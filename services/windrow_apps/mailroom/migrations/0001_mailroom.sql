-- What the mailroom keeps beside the ledger. Nothing here for ever: an hourly job removes what is old.
CREATE SCHEMA IF NOT EXISTS mailroom;

-- One row a mail of the last day, by the hash of its content: claimed before it is sent, recorded after.
CREATE TABLE IF NOT EXISTS mailroom.mails (
    content_hash text        PRIMARY KEY,
    message_id   text        NOT NULL,        -- the same for every try of this mail
    job_id       text        NOT NULL,        -- who sends it, or did
    tries        integer     NOT NULL DEFAULT 1,
    claimed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    claim_until  timestamptz NOT NULL,        -- from then on another job may send it
    sent_at      timestamptz                  -- when the server had accepted it; NULL: not that we know
);
CREATE INDEX IF NOT EXISTS mails_claimed ON mailroom.mails (claimed_at);

-- Records that are too many for a job's input, as they came.
CREATE TABLE IF NOT EXISTS mailroom.uploads (
    id         uuid        PRIMARY KEY,
    bytes      bigint      NOT NULL,
    lines      bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS uploads_created ON mailroom.uploads (created_at);

CREATE TABLE IF NOT EXISTS mailroom.upload_pieces (
    upload_id uuid    NOT NULL REFERENCES mailroom.uploads (id) ON DELETE CASCADE,
    n         integer NOT NULL,
    piece     bytea   NOT NULL,               -- a mebibyte, the last one less
    PRIMARY KEY (upload_id, n)
);

CREATE TABLE IF NOT EXISTS mailroom.reports (
    id          uuid        PRIMARY KEY,
    report_type text        NOT NULL,
    first_day   date        NOT NULL,
    last_day    date        NOT NULL,         -- included
    pages       integer     NOT NULL,
    bytes       bigint      NOT NULL,
    pdf         bytea,                        -- NULL: it is a file of that id in the reports' folder
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS reports_created ON mailroom.reports (created_at);

-- Ended jobs by day and task, kept longer than the ledger keeps jobs: what a monthly report is made of.
CREATE TABLE IF NOT EXISTS mailroom.days (
    day       date             NOT NULL,
    task      text             NOT NULL,
    succeeded bigint           NOT NULL,
    failed    bigint           NOT NULL,
    stopped   bigint           NOT NULL,      -- cancelled or expired
    seconds   double precision NOT NULL,      -- from the last start to the end, summed over those that succeeded
    longest   double precision NOT NULL,
    PRIMARY KEY (day, task)
);
