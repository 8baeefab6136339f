-- Numbers that a tenant does not call. A row that was lifted stays, for the record.
CREATE TABLE suppression (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant    INTEGER NOT NULL REFERENCES tenant (id),
    number    INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    -- In which the callee asked for it, if it was in a call, and in which words.
    attempt   BLOB,
    words     TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    lifted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX suppression_number ON suppression (tenant, number) WHERE lifted_at IS NULL;

-- Contacts that are not called because their number is suppressed; their state in progress is 'suppressed'.
ALTER TABLE campaign ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;

-- The callee said in this call that they want no more.
ALTER TABLE attempt ADD COLUMN opted_out INTEGER NOT NULL DEFAULT 0;
