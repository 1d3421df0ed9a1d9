-- What all workers share about language models: whose turn it is, who is broken, what was spent.
CREATE TABLE IF NOT EXISTS summaries.providers (
    name           text             PRIMARY KEY,
    tokens         double precision NOT NULL, -- calls that may be made at once, as of refilled_at
    refilled_at    timestamptz      NOT NULL DEFAULT clock_timestamp(),
    blocked_until  timestamptz,               -- it said 429: nobody calls before
    failures       integer          NOT NULL DEFAULT 0, -- in a row
    open_until     timestamptz                -- the circuit is open until then; after it, one call tries
);

-- A day is UTC's.
CREATE TABLE IF NOT EXISTS summaries.budget (
    day     date   PRIMARY KEY,
    tokens  bigint NOT NULL DEFAULT 0 -- spent, and reserved by calls that are on their way
);

CREATE TABLE IF NOT EXISTS summaries.calls (
    day            date   NOT NULL,
    provider       text   NOT NULL,
    outcome        text   NOT NULL,
    calls          bigint NOT NULL DEFAULT 0,
    input_tokens   bigint NOT NULL DEFAULT 0,
    output_tokens  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, provider, outcome)
);
