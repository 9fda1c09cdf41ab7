-- For a while the first schema was written with these: whichever are there make room.
DROP INDEX IF EXISTS grants_live;
DROP INDEX IF EXISTS grants_agent;
DROP INDEX IF EXISTS grants_owner;
DROP INDEX IF EXISTS grants_child;
-- With the time of issue, so that what a stop does not cover is passed over inside the index.
CREATE INDEX grants_live ON grants (id, issued_ms) WHERE live = 1;
CREATE INDEX grants_agent ON grants (agent, id, issued_ms) WHERE live = 1;
CREATE INDEX grants_owner ON grants (owner, id, issued_ms) WHERE live = 1;
CREATE INDEX grants_child ON grants (id, parent) WHERE live = 1 AND parent IS NOT NULL;
