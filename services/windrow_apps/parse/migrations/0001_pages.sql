-- The pages of a run. A run is a job: its id is the job's id, so that a retry knows what is done.
CREATE SCHEMA IF NOT EXISTS parse;

CREATE TABLE IF NOT EXISTS parse.pages (
    run_id          text        NOT NULL,
    page_id         bigint      NOT NULL CHECK (page_id >= 1),
    url             text        NOT NULL,
    http_status     smallint    NOT NULL,
    problem         text,                 -- why there is no content; NULL for a page that was read
    title           text,
    headings        jsonb       NOT NULL, -- [{"level": 1..6, "text": ...}], cut at a bound
    heading_count   integer     NOT NULL,
    links           text[]      NOT NULL, -- absolute, each once, cut at a bound
    link_count      integer     NOT NULL,
    words           integer     NOT NULL,
    distinct_words  integer     NOT NULL,
    characters      integer     NOT NULL,
    fetched_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, page_id)
);
