-- What follows from the journal. The whole file may be deleted: it is projected anew. Records are JSON; the columns
-- beside them are what lists are ordered and filtered by.

-- The last entry of each event that the rows below contain; moved in the same transaction as they are.
CREATE TABLE checkpoints (
    event BLOB    NOT NULL PRIMARY KEY CHECK (length(event) = 16),
    seq   INTEGER NOT NULL CHECK (seq >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    hold   BLOB NOT NULL PRIMARY KEY CHECK (length(hold) = 16),
    event  BLOB NOT NULL CHECK (length(event) = 16),
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `buyer_order` is the order; ORDER is SQL's own word.
CREATE TABLE orders (
    buyer_order BLOB    NOT NULL PRIMARY KEY CHECK (length(buyer_order) = 16),
    event       BLOB    NOT NULL CHECK (length(event) = 16),
    buyer       BLOB    NOT NULL CHECK (length(buyer) = 16),
    state       TEXT    NOT NULL,
    begun_at    INTEGER NOT NULL,
    record      TEXT    NOT NULL
) STRICT;
CREATE INDEX orders_by_event ON orders (event, begun_at, buyer_order);
CREATE INDEX orders_by_event_and_state ON orders (event, state, begun_at, buyer_order);
CREATE INDEX orders_by_buyer ON orders (buyer, begun_at, buyer_order);

CREATE TABLE tickets (
    ticket      BLOB    NOT NULL PRIMARY KEY CHECK (length(ticket) = 16),
    buyer_order BLOB    NOT NULL CHECK (length(buyer_order) = 16),
    line        INTEGER NOT NULL CHECK (line >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE sales (
    event  BLOB NOT NULL PRIMARY KEY CHECK (length(event) = 16),
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
