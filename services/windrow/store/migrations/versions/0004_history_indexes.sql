-- What retention deletes by, and the ended jobs that are asked for although they are few.

CREATE INDEX chords_freed ON windrow.chords (freed_at) WHERE freed_at IS NOT NULL;
CREATE INDEX groups_created ON windrow.groups (created_at);
CREATE INDEX ticks_created ON windrow.ticks (created_at);
CREATE INDEX jobs_stopped ON windrow.jobs (id) WHERE state IN ('cancelled', 'expired');
