-- Scripts that a campaign compares, with what came of them so far: answered calls, and those that reached the goal.
CREATE TABLE campaign_variant (
    campaign  INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    script    INTEGER NOT NULL REFERENCES script (id),
    tries     INTEGER NOT NULL DEFAULT 0,
    successes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, script)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_variant_script ON campaign_variant (script);

-- What the contact's last attempt did: another attempt does the same.
ALTER TABLE progress ADD COLUMN script INTEGER;
