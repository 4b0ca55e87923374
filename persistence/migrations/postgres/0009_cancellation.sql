-- Performances that will not take place. Nothing else of a performance ever changes.
CREATE TABLE cancellation (
    performance_id  text   COLLATE "C" NOT NULL PRIMARY KEY,
    cancelled_at_ms bigint NOT NULL,
    cancelled_by    text   NOT NULL, -- empty when that is not known
    reason          text   NOT NULL  -- empty when none was given
);
