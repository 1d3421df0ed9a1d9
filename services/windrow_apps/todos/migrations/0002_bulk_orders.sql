-- What a bulk update changes, and whose: written by the route, which knows who asks. Its job says only which one, for
-- whoever may submit jobs of any task may write anything into an input.
ALTER TABLE todos.bulk_runs
    ADD COLUMN IF NOT EXISTS owner       text     NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS task_ids    bigint[] NOT NULL DEFAULT '{}', -- each once, in their order
    ADD COLUMN IF NOT EXISTS update_data jsonb    NOT NULL DEFAULT '{}'; -- as the caller sent it
