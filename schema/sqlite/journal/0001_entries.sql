-- The journal: the only place where a decision becomes true. Nothing in this file can be derived from another.

-- Where each event's journal ends and who may write on. Raised in the same transaction as the entries.
CREATE TABLE heads (
    event     BLOB    NOT NULL PRIMARY KEY CHECK (length(event) = 16),
    epoch     INTEGER NOT NULL CHECK (epoch >= 1),
    head_seq  INTEGER NOT NULL CHECK (head_seq >= 0),
    head_hash BLOB    NOT NULL CHECK (length(head_hash) = 32)
) STRICT, WITHOUT ROWID;

-- One row per group commit. `bytes` is a version byte, a vocabulary byte and postcard; `hash` is SHA-256 over
-- `prev_hash` and `bytes`. Rows past `heads.head_seq` were never acknowledged.
CREATE TABLE entries (
    event     BLOB    NOT NULL CHECK (length(event) = 16),
    seq       INTEGER NOT NULL CHECK (seq >= 1),
    epoch     INTEGER NOT NULL CHECK (epoch >= 1),
    prev_hash BLOB    NOT NULL CHECK (length(prev_hash) = 32),
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    bytes     BLOB    NOT NULL,
    PRIMARY KEY (event, seq)
) STRICT, WITHOUT ROWID;

-- The latest snapshot of each event: shortens a replay, may be deleted at any time.
CREATE TABLE snapshots (
    event BLOB    NOT NULL PRIMARY KEY CHECK (length(event) = 16),
    seq   INTEGER NOT NULL CHECK (seq >= 1),
    hash  BLOB    NOT NULL CHECK (length(hash) = 32),
    bytes BLOB    NOT NULL
) STRICT;
