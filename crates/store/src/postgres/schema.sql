-- One row: where the ledger ends. Whoever writes holds it from the first statement of a batch to its
-- end, so that all writing is serial, whatever replica does it.
CREATE TABLE meta (
    id int PRIMARY KEY CHECK (id = 1),
    epoch bigint NOT NULL,
    length bigint NOT NULL,
    head bytea NOT NULL CHECK (octet_length(head) = 32),
    frontier bytea NOT NULL
);
INSERT INTO meta VALUES (1, 0, 0, decode(repeat('00', 32), 'hex'), '');

-- Who may write: a process that takes over a name fences off whoever had it before.
CREATE TABLE replicas (
    name text PRIMARY KEY,
    epoch bigint NOT NULL,
    seen timestamptz NOT NULL
);

-- What one replica alone does outside. A lease that has run out goes to whoever asks first, with the
-- next term.
CREATE TABLE leases (
    what text PRIMARY KEY,
    holder bigint NOT NULL,
    term bigint NOT NULL,
    until timestamptz NOT NULL
);

-- Written from the one table in the code at each start.
CREATE TABLE transitions (
    from_state text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);

CREATE TABLE grants (
    id text COLLATE "C" PRIMARY KEY,
    parent text COLLATE "C" REFERENCES grants (id),
    lineage text[] NOT NULL,
    agent text NOT NULL,
    owner text NOT NULL,
    task text NOT NULL,
    charter text NOT NULL,
    state text NOT NULL,
    live boolean NOT NULL GENERATED ALWAYS AS (state IN
        ('requested', 'pending_approval', 'approved', 'issuing', 'active', 'suspended')) STORED,
    ver bigint NOT NULL CHECK (ver >= 1),
    issued_ms bigint NOT NULL,
    deadline_ms bigint NOT NULL CHECK (deadline_ms <= deadline_ms_max),
    deadline_ms_max bigint NOT NULL,
    credential_until_ms bigint NOT NULL,
    ending text CHECK (ending IN ('completed', 'expired', 'revoked')),
    uses bigint NOT NULL,
    body bytea NOT NULL,
    history bytea NOT NULL,
    -- The sessions on AWS that may live under its name, as a JSON list.
    sessions text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX grants_due ON grants (deadline_ms) WHERE live;
CREATE INDEX grants_spent ON grants (credential_until_ms) WHERE state IN ('revoking', 'orphaned');
CREATE INDEX grants_live ON grants (id, issued_ms) WHERE live;
CREATE INDEX grants_agent ON grants (agent, id, issued_ms) WHERE live;
CREATE INDEX grants_owner ON grants (owner, id, issued_ms) WHERE live;
CREATE INDEX grants_parent ON grants (parent) WHERE parent IS NOT NULL;

CREATE FUNCTION grants_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state NOT IN ('requested', 'pending_approval', 'approved') THEN
        RAISE EXCEPTION 'a grant cannot begin in this state';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grants_begin BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION grants_begin();

CREATE FUNCTION grants_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ver <> OLD.ver + 1 OR NOT EXISTS
        (SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state) THEN
        RAISE EXCEPTION 'no such transition';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grants_step BEFORE UPDATE OF state, ver ON grants
FOR EACH ROW EXECUTE FUNCTION grants_step();

CREATE FUNCTION grants_uses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.uses < OLD.uses THEN
        RAISE EXCEPTION 'uses only grow';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grants_uses BEFORE UPDATE OF uses ON grants
FOR EACH ROW EXECUTE FUNCTION grants_uses();

CREATE TABLE stops (
    kind text NOT NULL CHECK (kind IN ('agent', 'owner', 'all')),
    name text NOT NULL,
    kill boolean NOT NULL,
    at_ms bigint NOT NULL,
    by text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE TABLE tickets (
    hash bytea PRIMARY KEY,
    agent text NOT NULL,
    until_ms bigint NOT NULL
);
CREATE INDEX tickets_until ON tickets (until_ms);
CREATE TABLE seen (
    space text NOT NULL,
    value bytea NOT NULL,
    until_ms bigint NOT NULL,
    PRIMARY KEY (space, value)
);
CREATE INDEX seen_until ON seen (until_ms);
CREATE TABLE answers (
    key text PRIMARY KEY,
    request bytea NOT NULL,
    body bytea NOT NULL,
    until_ms bigint NOT NULL
);
CREATE INDEX answers_until ON answers (until_ms);
CREATE TABLE intents (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request text NOT NULL UNIQUE,
    grant_id text,
    begun_ms bigint NOT NULL,
    -- Whose it is: nobody else settles it while that replica lives.
    epoch bigint NOT NULL
);
CREATE TABLE posts (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    body bytea NOT NULL
);

CREATE TABLE ledger (
    seq bigint PRIMARY KEY,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    text text NOT NULL
);
CREATE TABLE nodes (
    level smallint NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, place)
);
CREATE FUNCTION ledger_is_only_appended_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only appended to';
END $$;
CREATE TRIGGER ledger_is_only_appended_to BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_only_appended_to();

-- What other replicas must hear of: grants that ended, stops that were set and cleared. Read it only
-- below the oldest transaction that is still under way, or late commits are passed over.
CREATE TABLE changes (
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    grant_id text,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX changes_transaction ON changes (transaction);

-- A hint that there is something to read, once a transaction however much it changes: the same is
-- sent once. It takes a lock of the whole cluster, which costs nothing where writing is serial anyway.
CREATE FUNCTION changes_stir() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bailiwick', '');
    RETURN NULL;
END $$;
CREATE TRIGGER changes_stir AFTER INSERT ON changes
FOR EACH STATEMENT EXECUTE FUNCTION changes_stir();

-- Takes a lease or keeps it; NULL: another has it.
CREATE FUNCTION take_lease(what_ text, replica text, epoch_ bigint, lasts interval) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO leases AS had SELECT what_, epoch_, 1, clock_timestamp() + lasts
    FROM replicas WHERE name = replica AND epoch = epoch_
    ON CONFLICT (what) DO UPDATE SET holder = epoch_, until = excluded.until,
        term = had.term + CASE WHEN had.holder = epoch_ THEN 0 ELSE 1 END
    WHERE had.holder = epoch_ OR had.until < clock_timestamp()
    RETURNING term
$$;

-- Not in plain SQL: that would be parsed and planned again by every batch.
CREATE FUNCTION stopped(agent_ text, owner_ text, issued bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM stops WHERE kind = 'all' AND name = '' AND (kill OR issued <= at_ms))
        OR EXISTS (SELECT 1 FROM stops WHERE kind = 'agent' AND name = agent_ AND (kill OR issued <= at_ms))
        OR EXISTS (SELECT 1 FROM stops WHERE kind = 'owner' AND name = owner_ AND (kill OR issued <= at_ms));
END $$;

-- Why a grant may not be used now, where it is not for its own state; NULL if it may.
CREATE FUNCTION unusable(it grants, now_ms bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    above grants;
    name text;
BEGIN
    IF stopped(it.agent, it.owner, it.issued_ms) THEN
        RETURN 'stopped';
    END IF;
    IF it.deadline_ms <= now_ms THEN
        RETURN 'deadline';
    END IF;
    FOREACH name IN ARRAY it.lineage LOOP
        SELECT * INTO above FROM grants WHERE id = name;
        IF NOT FOUND OR above.state <> 'active' OR above.deadline_ms <= now_ms
            OR stopped(above.agent, above.owner, above.issued_ms) THEN
            RETURN 'parent';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION open_grant(op jsonb, now_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    it grants;
    above grants;
BEGIN
    it := jsonb_populate_record(NULL::grants, op - 'body' - 'history');
    it.body := decode(op ->> 'body', 'base64');
    it.history := decode(op ->> 'history', 'base64');
    it.parent := it.lineage[cardinality(it.lineage)];
    IF it.state NOT IN ('requested', 'pending_approval', 'approved') THEN
        RETURN 'state ' || it.state;
    END IF;
    IF it.ver < 1 THEN
        RETURN 'no_version';
    END IF;
    IF it.deadline_ms > it.deadline_ms_max THEN
        RETURN 'deadline';
    END IF;
    IF stopped(it.agent, it.owner, it.issued_ms) THEN
        RETURN 'stopped';
    END IF;
    IF it.deadline_ms <= now_ms THEN
        RETURN 'deadline';
    END IF;
    IF it.parent IS NOT NULL THEN
        SELECT * INTO above FROM grants WHERE id = it.parent;
        IF NOT FOUND OR above.state <> 'active' OR it.deadline_ms_max > above.deadline_ms
            OR it.lineage <> above.lineage || above.id OR unusable(above, now_ms) IS NOT NULL THEN
            RETURN 'parent';
        END IF;
    END IF;
    INSERT INTO grants (id, parent, lineage, agent, owner, task, charter, state, ver, issued_ms,
        deadline_ms, deadline_ms_max, credential_until_ms, ending, uses, body, history, sessions)
    VALUES (it.id, it.parent, it.lineage, it.agent, it.owner, it.task, it.charter, it.state, it.ver,
        it.issued_ms, it.deadline_ms, it.deadline_ms_max, it.credential_until_ms, it.ending, it.uses,
        it.body, it.history, it.sessions)
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'exists';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION step_grant(op jsonb, now_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    it grants;
    next text := op ->> 'to';
    why text;
    deadline bigint;
BEGIN
    SELECT * INTO it FROM grants WHERE id = op ->> 'grant' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'no_grant';
    END IF;
    IF it.ver <> (op ->> 'ver')::bigint THEN
        RETURN 'version ' || it.ver;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM transitions WHERE from_state = it.state AND to_state = next) THEN
        RETURN 'state ' || it.state;
    END IF;
    IF next IN ('issuing', 'active') THEN
        why := unusable(it, now_ms);
        IF why IS NOT NULL THEN
            RETURN why;
        END IF;
    END IF;
    deadline := coalesce((op ->> 'deadline_ms')::bigint, it.deadline_ms);
    IF deadline > it.deadline_ms_max THEN
        RETURN 'deadline';
    END IF;
    UPDATE grants SET state = next, ver = ver + 1, deadline_ms = deadline,
        credential_until_ms = greatest(credential_until_ms, (op ->> 'credential_until_ms')::bigint),
        ending = coalesce(op ->> 'ending', ending),
        sessions = coalesce(op ->> 'sessions', sessions)
    WHERE id = it.id;
    IF next NOT IN ('requested', 'pending_approval', 'approved', 'issuing', 'active') THEN
        INSERT INTO changes (grant_id) VALUES (it.id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION use_grant(op jsonb, now_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    it grants;
    why text;
BEGIN
    SELECT * INTO it FROM grants WHERE id = op ->> 'grant' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'no_grant';
    END IF;
    IF it.state <> 'active' THEN
        RETURN 'state ' || it.state;
    END IF;
    why := unusable(it, now_ms);
    IF why IS NOT NULL THEN
        RETURN why;
    END IF;
    IF it.uses <> (op ->> 'uses')::bigint THEN
        RETURN 'uses ' || it.uses;
    END IF;
    UPDATE grants SET uses = uses + 1, history = decode(op ->> 'history', 'base64') WHERE id = it.id;
    RETURN NULL;
END $$;

-- One op of a change; answers why it is refused, or NULL.
CREATE FUNCTION apply_op(op jsonb, now_ms bigint, writer bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CASE op ->> 'op'
    WHEN 'use' THEN
        RETURN use_grant(op, now_ms);
    WHEN 'step' THEN
        RETURN step_grant(op, now_ms);
    WHEN 'open' THEN
        RETURN open_grant(op, now_ms);
    WHEN 'set_stop' THEN
        INSERT INTO stops VALUES (op ->> 'kind', op ->> 'name', (op ->> 'kill')::boolean,
            (op ->> 'at_ms')::bigint, op ->> 'by', op ->> 'reason')
        ON CONFLICT (kind, name) DO UPDATE SET kill = stops.kill OR excluded.kill,
            at_ms = greatest(stops.at_ms, excluded.at_ms), by = excluded.by, reason = excluded.reason;
        INSERT INTO changes DEFAULT VALUES;
        RETURN NULL;
    WHEN 'clear_kill' THEN
        UPDATE stops SET kill = false, at_ms = greatest(at_ms, (op ->> 'at_ms')::bigint)
        WHERE kind = op ->> 'kind' AND name = op ->> 'name';
        INSERT INTO changes DEFAULT VALUES;
        RETURN NULL;
    WHEN 'put_ticket' THEN
        INSERT INTO tickets VALUES (decode(op ->> 'hash', 'hex'), op ->> 'agent',
            (op ->> 'until_ms')::bigint) ON CONFLICT DO NOTHING;
        RETURN CASE WHEN FOUND THEN NULL ELSE 'exists' END;
    WHEN 'take_ticket' THEN
        DELETE FROM tickets WHERE hash = decode(op ->> 'hash', 'hex') AND until_ms > now_ms;
        RETURN CASE WHEN FOUND THEN NULL ELSE 'ticket' END;
    WHEN 'once' THEN
        INSERT INTO seen VALUES (op ->> 'space', decode(op ->> 'value', 'hex'),
            (op ->> 'until_ms')::bigint) ON CONFLICT DO NOTHING;
        RETURN CASE WHEN FOUND THEN NULL ELSE 'seen' END;
    WHEN 'put_answer' THEN
        INSERT INTO answers VALUES (op ->> 'key', decode(op ->> 'request', 'hex'),
            decode(op ->> 'body', 'base64'), (op ->> 'until_ms')::bigint) ON CONFLICT DO NOTHING;
        RETURN CASE WHEN FOUND THEN NULL ELSE 'exists' END;
    WHEN 'begin' THEN
        INSERT INTO intents (request, grant_id, begun_ms, epoch) VALUES (op ->> 'request',
            op ->> 'grant', (op ->> 'begun_ms')::bigint, writer) ON CONFLICT DO NOTHING;
        RETURN CASE WHEN FOUND THEN NULL ELSE 'exists' END;
    WHEN 'settle' THEN
        DELETE FROM intents WHERE request = op ->> 'request';
        RETURN CASE WHEN FOUND THEN NULL ELSE 'no_intent' END;
    WHEN 'post' THEN
        INSERT INTO posts (key, body) VALUES (op ->> 'key', decode(op ->> 'body', 'base64'))
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    WHEN 'posted' THEN
        DELETE FROM posts WHERE key = op ->> 'key';
        RETURN NULL;
    WHEN 'hold' THEN
        UPDATE leases SET until = clock_timestamp() + (op ->> 'lasts')::interval
        WHERE what = op ->> 'what' AND holder = writer AND term = (op ->> 'term')::bigint
            AND until > clock_timestamp();
        RETURN CASE WHEN FOUND THEN NULL ELSE 'not_held' END;
    END CASE;
END $$;

-- All ops of a change or none; answers why it is refused, or NULL.
CREATE FUNCTION apply_change(ops jsonb, now_ms bigint, writer bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    op jsonb;
    why text;
BEGIN
    IF jsonb_array_length(ops) = 1 THEN
        RETURN apply_op(ops -> 0, now_ms, writer);
    END IF;
    BEGIN
        FOR op IN SELECT jsonb_array_elements(ops) LOOP
            why := apply_op(op, now_ms, writer);
            IF why IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'BW001';
            END IF;
        END LOOP;
    EXCEPTION WHEN SQLSTATE 'BW001' THEN
        RETURN why;
    END;
    RETURN NULL;
END $$;

-- Every change of a batch, in their order; answers why each is refused, or NULL.
CREATE FUNCTION apply_changes(changes jsonb[], now_ms bigint, writer bigint) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    ops jsonb;
    refused text[] := '{}';
BEGIN
    FOREACH ops IN ARRAY changes LOOP
        refused := array_append(refused, apply_change(ops, now_ms, writer));
    END LOOP;
    RETURN refused;
END $$;

-- Waits until nobody else writes; from here to the commit nobody else does. Each statement in it sees
-- what was committed before the one above it was through.
CREATE FUNCTION begin_batch(replica text, OUT writer bigint, OUT epoch bigint, OUT length bigint,
    OUT head bytea, OUT frontier bytea, OUT now_ms bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT meta.epoch, meta.length, meta.head, meta.frontier
        INTO STRICT epoch, length, head, frontier FROM meta FOR UPDATE;
    now_ms := extract(epoch FROM clock_timestamp()) * 1000;
    UPDATE replicas SET seen = clock_timestamp() WHERE name = replica
        RETURNING replicas.epoch INTO writer;
END $$;

-- What is new at the end of the ledger, and where that is now.
CREATE FUNCTION append(seqs bigint[], hashes bytea[], texts text[], levels smallint[],
    places bigint[], inner_hashes bytea[], length_ bigint, head_ bytea, frontier_ bytea)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger SELECT * FROM unnest(seqs, hashes, texts);
    INSERT INTO nodes SELECT * FROM unnest(levels, places, inner_hashes);
    UPDATE meta SET length = length_, head = head_, frontier = frontier_;
END $$;

-- Deletes some of what has lapsed. Nothing hangs on when: each is dated.
CREATE FUNCTION tidy(now_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM seen WHERE ctid IN (SELECT ctid FROM seen WHERE until_ms < now_ms LIMIT 100);
    DELETE FROM answers WHERE ctid IN (SELECT ctid FROM answers WHERE until_ms < now_ms LIMIT 100);
    DELETE FROM tickets WHERE ctid IN (SELECT ctid FROM tickets WHERE until_ms < now_ms LIMIT 100);
    -- Whoever reads them does so every second.
    DELETE FROM changes WHERE at < now() - interval '10 minutes';
END $$;
