-- Performances that will not take place. Nothing else of a performance ever changes.
CREATE TABLE cancellation (
    performance_id  TEXT    NOT NULL PRIMARY KEY,
    cancelled_at_ms INTEGER NOT NULL,
    cancelled_by    TEXT    NOT NULL, -- empty when that is not known
    reason          TEXT    NOT NULL  -- empty when none was given
) STRICT, WITHOUT ROWID;
