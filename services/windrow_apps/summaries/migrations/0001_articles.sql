-- Articles, and a summary of one for each job: the job's id is the summary's.
CREATE SCHEMA IF NOT EXISTS summaries;

CREATE TABLE IF NOT EXISTS summaries.articles (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title       text        NOT NULL,
    text        text        NOT NULL CHECK (text <> ''),
    language    text,                 -- ISO 639-1; NULL: to be recognised
    url         text,
    origin      text        UNIQUE,   -- a feed's own name for its entry: an import brings each once
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS summaries.summaries (
    job_id         text        PRIMARY KEY,
    article_id     bigint      NOT NULL REFERENCES summaries.articles ON DELETE CASCADE,
    status         text        NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'OK', 'FAILED')),
    summary        text,
    provider       text,                -- who wrote it
    model          text,
    language       text,
    input_tokens   bigint,              -- as the provider counted them
    output_tokens  bigint,
    failures       integer     NOT NULL DEFAULT 0, -- attempts in which every provider failed
    waits          integer     NOT NULL DEFAULT 0, -- attempts that only found that it is not their turn
    error          text,                -- the last reason
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    running_since  timestamptz,         -- NULL: waits, or has ended
    finished_at    timestamptz
);

CREATE INDEX IF NOT EXISTS summaries_of_article ON summaries.summaries (article_id, created_at DESC);
CREATE INDEX IF NOT EXISTS summaries_pending ON summaries.summaries (created_at) WHERE status = 'PENDING';
