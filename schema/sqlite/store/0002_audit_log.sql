-- What organizers and operators did. Rows are added and settled once, never removed.
CREATE TABLE audit_log (
    act     BLOB    NOT NULL PRIMARY KEY CHECK (length(act) = 16),
    at      INTEGER NOT NULL,
    account BLOB    CHECK (length(account) = 16),
    deed    TEXT    NOT NULL,
    event   BLOB    CHECK (length(event) = 16),
    object  TEXT,
    request TEXT,
    outcome TEXT    NOT NULL CHECK (outcome IN ('begun', 'done', 'refused')),
    problem TEXT
) STRICT;
CREATE INDEX audit_log_latest ON audit_log (at, act);
CREATE INDEX audit_log_of_event ON audit_log (event, at, act) WHERE event IS NOT NULL;
