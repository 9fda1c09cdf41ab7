-- One row: where the ledger ends, and who may write.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    length INTEGER NOT NULL,
    head BLOB NOT NULL CHECK (length(head) = 32),
    frontier BLOB NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 1, 0, zeroblob(32), x'');

-- Written from the one table in the code at each start.
CREATE TABLE transitions (
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    id TEXT NOT NULL UNIQUE,
    parent TEXT REFERENCES grants (id),
    lineage TEXT NOT NULL,
    agent TEXT NOT NULL,
    owner TEXT NOT NULL,
    task TEXT NOT NULL,
    charter TEXT NOT NULL,
    state TEXT NOT NULL,
    live INTEGER NOT NULL GENERATED ALWAYS AS (state IN
        ('requested', 'pending_approval', 'approved', 'issuing', 'active', 'suspended')) STORED,
    ver INTEGER NOT NULL CHECK (ver >= 1),
    issued_ms INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL CHECK (deadline_ms <= deadline_ms_max),
    deadline_ms_max INTEGER NOT NULL,
    credential_until_ms INTEGER NOT NULL,
    ending TEXT CHECK (ending IN ('completed', 'expired', 'revoked')),
    uses INTEGER NOT NULL,
    body BLOB NOT NULL,
    history BLOB NOT NULL
) STRICT;
CREATE INDEX grants_due ON grants (deadline_ms) WHERE live = 1;
CREATE INDEX grants_spent ON grants (credential_until_ms) WHERE state IN ('revoking', 'orphaned');
CREATE INDEX grants_agent ON grants (agent) WHERE live = 1;
CREATE INDEX grants_owner ON grants (owner) WHERE live = 1;
CREATE INDEX grants_parent ON grants (parent) WHERE parent IS NOT NULL;

CREATE TRIGGER grants_begin BEFORE INSERT ON grants
WHEN NEW.state NOT IN ('requested', 'pending_approval', 'approved')
BEGIN SELECT RAISE(ABORT, 'a grant cannot begin in this state'); END;
CREATE TRIGGER grants_step BEFORE UPDATE OF state, ver ON grants
WHEN NEW.ver <> OLD.ver + 1 OR NOT EXISTS
    (SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'no such transition'); END;
CREATE TRIGGER grants_uses BEFORE UPDATE OF uses ON grants
WHEN NEW.uses < OLD.uses
BEGIN SELECT RAISE(ABORT, 'uses only grow'); END;

CREATE TABLE stops (
    kind TEXT NOT NULL CHECK (kind IN ('agent', 'owner', 'all')),
    name TEXT NOT NULL,
    kill INTEGER NOT NULL CHECK (kill IN (0, 1)),
    at_ms INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    hash BLOB PRIMARY KEY,
    agent TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE seen (
    space TEXT NOT NULL,
    value BLOB NOT NULL,
    until_ms INTEGER NOT NULL,
    UNIQUE (space, value)
) STRICT;
CREATE INDEX seen_until ON seen (until_ms);
CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    body BLOB NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX answers_until ON answers (until_ms);
CREATE TABLE intents (
    request TEXT NOT NULL UNIQUE,
    grant_id TEXT,
    begun_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE posts (
    key TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    text TEXT NOT NULL
) STRICT;
CREATE TRIGGER ledger_is_not_edited BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is only appended to'); END;
CREATE TRIGGER ledger_is_not_cut BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is only appended to'); END;

-- Inner nodes of the ledger's tree at every eighth level: 1/255 of its leaves, and a proof reads a
-- few hundred hashes instead of all.
CREATE TABLE nodes (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
