-- What people told us and the journal does not hold: who they are, what they offer, what the payment provider said,
-- what is still to be done. Nothing in this file can be derived from another.

CREATE TABLE accounts (
    account        BLOB    NOT NULL PRIMARY KEY CHECK (length(account) = 16),
    email          TEXT    NOT NULL UNIQUE,
    password_hash  TEXT    NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('organizer', 'admin')),
    organizer      BLOB    NOT NULL CHECK (length(organizer) = 16),
    organizer_name TEXT    NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_hash BLOB    NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    account    BLOB    NOT NULL CHECK (length(account) = 16),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE api_keys (
    api_key    TEXT    NOT NULL PRIMARY KEY,
    key_hash   BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    account    BLOB    NOT NULL CHECK (length(account) = 16),
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_by_account ON api_keys (account, created_at, api_key);

CREATE TABLE events (
    event          BLOB    NOT NULL PRIMARY KEY CHECK (length(event) = 16),
    organizer      BLOB    NOT NULL CHECK (length(organizer) = 16),
    organizer_name TEXT    NOT NULL,
    revision       INTEGER NOT NULL CHECK (revision >= 0),
    state          TEXT    NOT NULL CHECK (state IN
                       ('draft', 'announced', 'on_sale', 'paused', 'sold_out', 'closed', 'cancelled')),
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    venue          TEXT    NOT NULL,
    starts_at      INTEGER NOT NULL,
    time_zone      TEXT    NOT NULL,
    currency       TEXT    NOT NULL CHECK (length(currency) = 3),
    opens_at       INTEGER,
    closes_at      INTEGER,
    limits         TEXT    NOT NULL CHECK (json_valid(limits)),
    prices         TEXT    NOT NULL CHECK (json_valid(prices)),
    plan_digest    BLOB    CHECK (length(plan_digest) = 32),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    -- Name and venue in Unicode lower case, which SQLite itself cannot make.
    search         TEXT    NOT NULL
) STRICT;
CREATE INDEX events_public ON events (starts_at, event) WHERE state <> 'draft';
CREATE INDEX events_by_organizer ON events (organizer, created_at, event);
CREATE INDEX events_to_open ON events (opens_at) WHERE state = 'announced';
CREATE INDEX events_to_close ON events (closes_at) WHERE state IN ('on_sale', 'paused', 'sold_out');

CREATE TABLE plans (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    json   BLOB NOT NULL
) STRICT;

-- Personal data, and the only place of it. `buyer_order` is the order; ORDER is SQL's own word.
CREATE TABLE contacts (
    buyer_order BLOB    NOT NULL PRIMARY KEY CHECK (length(buyer_order) = 16),
    event       BLOB    NOT NULL CHECK (length(event) = 16),
    buyer       BLOB    NOT NULL CHECK (length(buyer) = 16),
    name        TEXT    NOT NULL,
    email       TEXT    NOT NULL,
    access      BLOB    NOT NULL CHECK (length(access) = 32),
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
    buyer_order   BLOB    NOT NULL PRIMARY KEY CHECK (length(buyer_order) = 16),
    event         BLOB    NOT NULL CHECK (length(event) = 16),
    intent        TEXT    NOT NULL UNIQUE,
    client_secret TEXT    NOT NULL,
    amount_minor  INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency      TEXT    NOT NULL CHECK (length(currency) = 3),
    settled       INTEGER NOT NULL CHECK (settled IN (0, 1)),
    created_at    INTEGER NOT NULL,
    checked_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX payments_unsettled ON payments (checked_at, buyer_order) WHERE settled = 0;

CREATE TABLE webhooks (
    webhook        TEXT    NOT NULL PRIMARY KEY,
    kind           TEXT    NOT NULL,
    object         TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    failures_count INTEGER NOT NULL CHECK (failures_count >= 0),
    last_error     TEXT,
    received_at    INTEGER NOT NULL,
    run_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_pending ON webhooks (run_at, webhook) WHERE state = 'pending';
CREATE INDEX webhooks_latest ON webhooks (received_at, webhook);
CREATE INDEX webhooks_by_state ON webhooks (state, received_at, webhook);

-- `due_at` is when a worker may take the job: `run_at` while it is ready, the end of its lease while it runs.
CREATE TABLE jobs (
    job            TEXT    NOT NULL PRIMARY KEY,
    kind           TEXT    NOT NULL,
    payload        TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('ready', 'running', 'dead', 'done')),
    failures_count INTEGER NOT NULL CHECK (failures_count >= 0),
    last_error     TEXT,
    run_at         INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at, job) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_by_state ON jobs (state, created_at, job);
