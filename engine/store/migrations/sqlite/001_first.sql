-- Times are whole microseconds since 1970-01-01 UTC, but for the audit, whose text is hashed.
-- Bytes lie in tables of their own: a change of state must not rewrite a message, and lists must
-- not read one.

CREATE TABLE journal (
    id            INTEGER PRIMARY KEY,
    received_at   INTEGER NOT NULL,
    source        TEXT NOT NULL,
    peer          TEXT NOT NULL,
    content_hash  BLOB NOT NULL CHECK (length(content_hash) = 32),
    sender        TEXT NOT NULL,
    control_id    TEXT NOT NULL,
    message_type  TEXT NOT NULL,
    processing_id TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN (
        'received', 'processed', 'left', 'parked', 'quarantine', 'duplicate')),
    ack           TEXT NOT NULL CHECK (ack IN ('AA', 'AE', 'AR')),
    reason        TEXT NOT NULL,
    size          INTEGER NOT NULL CHECK (size >= 0),
    processed_at  INTEGER,
    note          TEXT NOT NULL DEFAULT ''
) STRICT;

-- A message without a legible MSH-10 has no identity.
CREATE INDEX journal_identity ON journal (sender, control_id) WHERE control_id <> '';
-- Most rows end as processed: without them the index stays small, and a new row goes to its end.
CREATE INDEX journal_state ON journal (state) WHERE state <> 'processed';

CREATE TABLE journal_raw (
    journal_id INTEGER PRIMARY KEY REFERENCES journal (id),
    raw        BLOB NOT NULL
) STRICT;

-- Every patient key ever heard. root is the key that survives its merges: itself, when none.
CREATE TABLE patient (
    key        TEXT PRIMARY KEY,
    identifier TEXT NOT NULL,
    root       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX patient_identifier ON patient (identifier);
CREATE INDEX patient_root ON patient (root);

CREATE TABLE patient_link (
    eliminated TEXT NOT NULL REFERENCES patient (key),
    surviving  TEXT NOT NULL REFERENCES patient (key),
    PRIMARY KEY (eliminated, surviving),
    CHECK (eliminated <> surviving)
) STRICT, WITHOUT ROWID;

CREATE INDEX patient_link_back ON patient_link (surviving, eliminated);

CREATE TABLE fact (
    id         INTEGER PRIMARY KEY,
    patient    TEXT NOT NULL REFERENCES patient (key),
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    journal_id INTEGER REFERENCES journal (id),
    kind       TEXT NOT NULL,
    heard      TEXT NOT NULL CHECK (json_valid(heard)),
    UNIQUE (patient, digest)
) STRICT;

CREATE INDEX fact_journal ON fact (journal_id) WHERE journal_id IS NOT NULL;

CREATE TABLE blob (
    digest TEXT PRIMARY KEY CHECK (length(digest) = 64),
    data   BLOB NOT NULL
) STRICT;

CREATE TABLE stay (
    key          TEXT NOT NULL,
    patient      TEXT NOT NULL REFERENCES patient (key),
    usmp         TEXT NOT NULL,
    verdicts     TEXT NOT NULL CHECK (json_valid(verdicts)),
    next_look_at INTEGER,
    closed       INTEGER NOT NULL CHECK (closed IN (0, 1)),
    PRIMARY KEY (key, patient)
) STRICT;

CREATE INDEX stay_patient ON stay (patient);
CREATE INDEX stay_due ON stay (next_look_at) WHERE next_look_at IS NOT NULL;

CREATE TABLE delivery (
    id            TEXT PRIMARY KEY CHECK (id <> ''),
    letter_kind   TEXT NOT NULL CHECK (letter_kind IN (
        'arrival-notice', 'exit-notice', 'exit-letter', 'arrival-cancelled', 'exit-cancelled')),
    patient       TEXT NOT NULL,
    stay          TEXT NOT NULL,
    rpps          TEXT NOT NULL,
    version       INTEGER NOT NULL CHECK (version >= 1),
    parts         TEXT NOT NULL CHECK (json_valid(parts)),
    statement     TEXT NOT NULL,
    purposes      TEXT NOT NULL CHECK (json_valid(purposes)),
    discreet      INTEGER NOT NULL CHECK (discreet IN (0, 1)),
    channel       TEXT NOT NULL,
    sender        TEXT NOT NULL,
    address       TEXT NOT NULL,
    intended      TEXT NOT NULL,
    message_id    TEXT NOT NULL UNIQUE,
    document_oid  TEXT NOT NULL,
    set_oid       TEXT NOT NULL,
    size          INTEGER NOT NULL CHECK (size >= 0),
    state         TEXT NOT NULL CHECK (state IN (
        'queued', 'sending', 'held', 'relayed', 'rejected', 'expired', 'cancelled')),
    created_at    INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    possibly_sent INTEGER NOT NULL DEFAULT 0 CHECK (possibly_sent IN (0, 1)),
    closed_at     INTEGER,
    reason        TEXT NOT NULL DEFAULT '',
    CHECK ((closed_at IS NULL) = (state IN ('queued', 'sending', 'held')))
) STRICT;

CREATE INDEX delivery_patient ON delivery (patient);
CREATE INDEX delivery_state ON delivery (state, due_at);

CREATE TABLE delivery_mime (
    delivery TEXT PRIMARY KEY REFERENCES delivery (id),
    mime     BLOB NOT NULL
) STRICT;

CREATE TABLE delivery_file (
    delivery TEXT NOT NULL REFERENCES delivery (id),
    name     TEXT NOT NULL,
    data     BLOB NOT NULL,
    PRIMARY KEY (delivery, name)
) STRICT;

-- 'cut': the process died with the attempt open; what the peer did is not known.
CREATE TABLE attempt (
    delivery  TEXT NOT NULL REFERENCES delivery (id),
    number    INTEGER NOT NULL CHECK (number >= 1),
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    outcome   TEXT CHECK (outcome IN (
        'accepted', 'deferred', 'rejected', 'possibly-sent', 'cut')),
    cause     TEXT,
    code      INTEGER,
    status    TEXT,
    reply     TEXT,
    PRIMARY KEY (delivery, number),
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX attempt_open ON attempt (delivery) WHERE closed_at IS NULL;

CREATE TABLE task (
    id        INTEGER PRIMARY KEY,
    key       TEXT NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    patient   TEXT,
    stay      TEXT,
    about     TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    closed_at INTEGER,
    closed_by TEXT,
    answer    TEXT,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
) STRICT;

CREATE INDEX task_patient ON task (patient) WHERE patient IS NOT NULL;
CREATE INDEX task_open ON task (id, kind) WHERE closed_at IS NULL;

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    actor    TEXT NOT NULL,
    patient  TEXT,
    stay     TEXT,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_patient ON audit (patient, seq) WHERE patient IS NOT NULL;

CREATE TABLE audit_root (
    day       TEXT PRIMARY KEY CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    seq       INTEGER NOT NULL CHECK (seq >= 0),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    key_id    TEXT NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

-- Recursive triggers are on, so that REPLACE meets the DELETE ones too.
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_never_forgets BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_root_never_changes BEFORE UPDATE ON audit_root
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_root_never_forgets BEFORE DELETE ON audit_root
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
