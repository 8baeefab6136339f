-- Instants are µs since 1970 (UTC), numbers are E.164 digits as an integer, specs and facts are JSON text.
-- Ids are never used twice, since records elsewhere name them for ever.

CREATE TABLE tenant (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO tenant (id, name, created_at) VALUES (1, 'default', 0);

CREATE TABLE line (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    name   TEXT    NOT NULL,
    spec   TEXT    NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE line_group (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    name   TEXT    NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE line_group_member (
    line_group INTEGER NOT NULL REFERENCES line_group (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    line       INTEGER NOT NULL REFERENCES line (id),
    PRIMARY KEY (line_group, position)
) STRICT;
CREATE INDEX line_group_member_line ON line_group_member (line);

CREATE TABLE prompt (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      INTEGER NOT NULL REFERENCES tenant (id),
    name        TEXT    NOT NULL,
    duration_ms INTEGER NOT NULL,
    sha256      TEXT    NOT NULL,
    -- Last, so that reading the columns before it does not read the audio.
    wav         BLOB    NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

-- Versions never change: a campaign goes on with the version that it names.
CREATE TABLE script (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant  INTEGER NOT NULL REFERENCES tenant (id),
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    spec    TEXT    NOT NULL,
    UNIQUE (tenant, name, version)
) STRICT;

CREATE TABLE script_prompt (
    script INTEGER NOT NULL REFERENCES script (id) ON DELETE CASCADE,
    prompt INTEGER NOT NULL REFERENCES prompt (id),
    PRIMARY KEY (script, prompt)
) STRICT;
CREATE INDEX script_prompt_prompt ON script_prompt (prompt);

-- A row with deleted_at is gone for everybody; its contacts are removed in bites.
CREATE TABLE list (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant         INTEGER NOT NULL REFERENCES tenant (id),
    name           TEXT    NOT NULL,
    contacts       INTEGER NOT NULL DEFAULT 0,
    rejected_rows  INTEGER NOT NULL DEFAULT 0,
    duplicate_rows INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    deleted_at     INTEGER
) STRICT;
CREATE UNIQUE INDEX list_name ON list (tenant, name) WHERE deleted_at IS NULL;

CREATE TABLE import (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    list        INTEGER NOT NULL REFERENCES list (id) ON DELETE CASCADE,
    begun_at    INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX import_list ON import (list);

-- import and file_line say where the contact came from, so that a later duplicate can point at its first appearance
-- without anybody keeping the whole file in memory.
CREATE TABLE contact (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    list      INTEGER NOT NULL REFERENCES list (id),
    number    INTEGER NOT NULL,
    import    INTEGER NOT NULL,
    file_line INTEGER NOT NULL,
    fields    TEXT    NOT NULL,
    UNIQUE (list, number)
) STRICT;
-- With the row id behind it: the order in which campaigns draw.
CREATE INDEX contact_order ON contact (list);

CREATE TABLE import_problem (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    list      INTEGER NOT NULL REFERENCES list (id),
    import    INTEGER NOT NULL,
    file_line INTEGER NOT NULL,
    reason    TEXT    NOT NULL
) STRICT;
CREATE INDEX import_problem_list ON import_problem (list);

-- The counters are kept by the transactions that move contacts. retry counts contacts that wait with an attempt behind
-- them; duplicates counts contacts whose number the campaign has from another list.
CREATE TABLE campaign (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     INTEGER NOT NULL REFERENCES tenant (id),
    name       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    line_group INTEGER NOT NULL REFERENCES line_group (id),
    script     INTEGER NOT NULL REFERENCES script (id),
    spec       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    in_flight  INTEGER NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
    retry      INTEGER NOT NULL DEFAULT 0 CHECK (retry >= 0),
    reached    INTEGER NOT NULL DEFAULT 0,
    exhausted  INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX campaign_name ON campaign (tenant, name) WHERE deleted_at IS NULL;
CREATE INDEX campaign_line_group ON campaign (line_group);
CREATE INDEX campaign_script ON campaign (script);

-- Contacts of the list up to drawn_to have a row in progress, or are duplicates.
CREATE TABLE campaign_list (
    campaign INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    list     INTEGER NOT NULL REFERENCES list (id),
    drawn_to INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, list)
) STRICT;
CREATE INDEX campaign_list_list ON campaign_list (list);

CREATE TABLE campaign_outcome (
    campaign INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    outcome  TEXT    NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (campaign, outcome)
) STRICT;

-- state: waiting, queued (the planner holds it ready), in_flight, reached, exhausted. due_at is set while it is waiting
-- or queued. outcomes: attempts by outcome, JSON.
CREATE TABLE progress (
    campaign     INTEGER NOT NULL REFERENCES campaign (id),
    contact      INTEGER NOT NULL,
    list         INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    due_at       INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0,
    outcomes     TEXT    NOT NULL DEFAULT '',
    last_outcome TEXT,
    last_attempt BLOB,
    PRIMARY KEY (campaign, contact)
) STRICT, WITHOUT ROWID;
-- One number is called once by a campaign, however many of its lists have it.
CREATE UNIQUE INDEX progress_number ON progress (campaign, number);
CREATE INDEX progress_due ON progress (campaign, state, due_at) WHERE due_at IS NOT NULL;

-- stage: 0 intent, 1 begun, 2 invited, 3 trying, 4 ringing, 5 early media, 6 answered. outcome is set once.
CREATE TABLE attempt (
    id          BLOB    NOT NULL PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    campaign    INTEGER NOT NULL REFERENCES campaign (id),
    list        INTEGER NOT NULL,
    contact     INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    attempt_no  INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    planned_at  INTEGER NOT NULL,
    intent_at   INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    script      INTEGER NOT NULL,
    caller_id   TEXT    NOT NULL,
    verdicts    TEXT    NOT NULL,
    route_try   INTEGER NOT NULL DEFAULT 1,
    stage       INTEGER NOT NULL DEFAULT 0,
    stage_at    INTEGER NOT NULL,
    invited_at  INTEGER,
    ringing_at  INTEGER,
    answered_at INTEGER,
    outcome     TEXT,
    ended_at    INTEGER,
    spent       INTEGER
) STRICT, WITHOUT ROWID;
-- Each with the id behind it, which sorts by time.
CREATE INDEX attempt_campaign ON attempt (campaign);
CREATE INDEX attempt_outcome ON attempt (campaign, outcome);
CREATE INDEX attempt_contact ON attempt (contact);
-- A number is never called twice at the same time by one tenant, whatever the planner thinks.
CREATE UNIQUE INDEX attempt_open ON attempt (tenant, number) WHERE outcome IS NULL;

CREATE TABLE route_try (
    attempt     BLOB    NOT NULL REFERENCES attempt (id) ON DELETE CASCADE,
    route_try   INTEGER NOT NULL,
    line        INTEGER NOT NULL,
    node        TEXT    NOT NULL,
    intent_at   INTEGER NOT NULL,
    slot_until  INTEGER NOT NULL,
    outcome     TEXT,
    ended_at    INTEGER,
    facts       TEXT,
    released_at INTEGER,
    PRIMARY KEY (attempt, route_try)
) STRICT, WITHOUT ROWID;
CREATE INDEX route_try_held ON route_try (line) WHERE released_at IS NULL;

CREATE TABLE node_seq (
    node TEXT    NOT NULL PRIMARY KEY,
    boot BLOB    NOT NULL,
    seq  INTEGER NOT NULL
) STRICT;

CREATE TABLE planner_lease (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    holder  TEXT    NOT NULL,
    epoch   INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT;
INSERT INTO planner_lease (id, holder, epoch, until) VALUES (1, '', 0, 0);

-- status and body are set when the request is done.
CREATE TABLE idempotency_key (
    tenant     INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    claimed_at INTEGER NOT NULL,
    status     INTEGER,
    body       BLOB,
    PRIMARY KEY (tenant, key)
) STRICT;
CREATE INDEX idempotency_key_age ON idempotency_key (claimed_at);

CREATE TABLE setting (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
