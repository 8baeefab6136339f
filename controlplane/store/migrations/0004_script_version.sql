-- The newest version that a script of this name ever had, deleted ones too: the calls of a version stay its own for ever.
CREATE TABLE script_version (
    tenant  INTEGER NOT NULL REFERENCES tenant (id),
    name    TEXT    NOT NULL,
    newest  INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
INSERT INTO script_version SELECT tenant, name, MAX(version) FROM script GROUP BY tenant, name;
