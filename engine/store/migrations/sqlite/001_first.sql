-- Times are whole microseconds since 1970-01-01 UTC, but for the audit, whose text is hashed.
-- Bytes lie in tables of their own: a change of state must not rewrite a message, and lists must
-- not read one.
-- What identifies somebody, and what a message or a letter says, is sealed: see engine/store/vault.
-- A column named after an identifier holds its sealed form, the same each time; `said`, `heard`,
-- `data`, `mime`, `raw` and `reply` hold payloads; `wrapped` holds a key, sealed by `master`.

-- The one key that is the store's own.
CREATE TABLE store_key (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    master  TEXT NOT NULL,
    wrapped BLOB NOT NULL
) STRICT;

-- identity: mark of MSH-3, MSH-4 and MSH-10, which two messages may share; NULL for a message
-- without a legible MSH-10. Marks come in no order: the longer they were, the more pages of their
-- index each commit would write.
-- said: the labels, once read or purged; until then they are with the bytes, to spare the door.
-- patient: whose message it is, once read. salt: of its key; NULL once its bytes are purged.
CREATE TABLE journal (
    id            INTEGER PRIMARY KEY,
    received_at   INTEGER NOT NULL,
    source        TEXT NOT NULL,
    content_hash  BLOB NOT NULL CHECK (length(content_hash) = 32),
    identity      INTEGER,
    said          BLOB,
    state         TEXT NOT NULL CHECK (state IN (
        'received', 'processed', 'left', 'parked', 'quarantine', 'duplicate')),
    ack           TEXT NOT NULL CHECK (ack IN ('AA', 'AE', 'AR')),
    reason        TEXT NOT NULL,
    size          INTEGER NOT NULL CHECK (size >= 0),
    salt          BLOB CHECK (length(salt) = 32),
    processed_at  INTEGER,
    note          TEXT NOT NULL DEFAULT '',
    patient       BLOB,
    CHECK (said IS NOT NULL OR salt IS NOT NULL)
) STRICT;

CREATE INDEX journal_identity ON journal (identity) WHERE identity IS NOT NULL;
-- Most rows end as processed: without them the index stays small, and a new row goes to its end.
CREATE INDEX journal_state ON journal (state) WHERE state <> 'processed';
CREATE INDEX journal_patient ON journal (patient) WHERE patient IS NOT NULL;

CREATE TABLE journal_raw (
    journal_id INTEGER PRIMARY KEY REFERENCES journal (id),
    raw        BLOB NOT NULL
) STRICT;

-- Every patient key ever heard. root is the key that survives its merges: itself, when none.
-- identifier is the part before the first '|'. wrapped: NULL before a payload is sealed, and once
-- the patient is forgotten.
CREATE TABLE patient (
    key        BLOB PRIMARY KEY,
    identifier BLOB NOT NULL,
    root       BLOB NOT NULL,
    master     TEXT,
    wrapped    BLOB,
    CHECK ((master IS NULL) = (wrapped IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX patient_identifier ON patient (identifier);
CREATE INDEX patient_root ON patient (root);

CREATE TABLE patient_link (
    eliminated BLOB NOT NULL REFERENCES patient (key),
    surviving  BLOB NOT NULL REFERENCES patient (key),
    PRIMARY KEY (eliminated, surviving),
    CHECK (eliminated <> surviving)
) STRICT, WITHOUT ROWID;

CREATE INDEX patient_link_back ON patient_link (surviving, eliminated);

CREATE TABLE fact (
    id         INTEGER PRIMARY KEY,
    patient    BLOB NOT NULL REFERENCES patient (key),
    digest     BLOB NOT NULL,
    journal_id INTEGER REFERENCES journal (id),
    kind       TEXT NOT NULL,
    heard_at   INTEGER NOT NULL,
    heard      BLOB NOT NULL,
    UNIQUE (patient, digest)
) STRICT;

CREATE INDEX fact_journal ON fact (journal_id) WHERE journal_id IS NOT NULL;

CREATE TABLE blob (
    patient BLOB NOT NULL REFERENCES patient (key),
    digest  BLOB NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (patient, digest)
) STRICT;

CREATE INDEX blob_digest ON blob (digest);

CREATE TABLE stay (
    key          BLOB NOT NULL,
    patient      BLOB NOT NULL REFERENCES patient (key),
    usmp         TEXT NOT NULL,
    said         BLOB NOT NULL,
    next_look_at INTEGER,
    closed       INTEGER NOT NULL CHECK (closed IN (0, 1)),
    released_at  INTEGER,
    PRIMARY KEY (key, patient)
) STRICT;

CREATE INDEX stay_patient ON stay (patient);
CREATE INDEX stay_released ON stay (released_at) WHERE released_at IS NOT NULL;
CREATE INDEX stay_due ON stay (next_look_at) WHERE next_look_at IS NOT NULL;

-- forgotten: kept as proof of what was sent, and no part of what is known of the patient.
CREATE TABLE delivery (
    id            TEXT PRIMARY KEY CHECK (id <> ''),
    letter_kind   TEXT NOT NULL CHECK (letter_kind IN (
        'arrival-notice', 'exit-notice', 'exit-letter', 'arrival-cancelled', 'exit-cancelled')),
    patient       BLOB NOT NULL,
    version       INTEGER NOT NULL CHECK (version >= 1),
    said          BLOB NOT NULL,
    discreet      INTEGER NOT NULL CHECK (discreet IN (0, 1)),
    channel       TEXT NOT NULL,
    message_id    TEXT NOT NULL UNIQUE,
    size          INTEGER NOT NULL CHECK (size >= 0),
    state         TEXT NOT NULL CHECK (state IN (
        'queued', 'sending', 'held', 'relayed', 'rejected', 'expired', 'cancelled')),
    created_at    INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    possibly_sent INTEGER NOT NULL DEFAULT 0 CHECK (possibly_sent IN (0, 1)),
    closed_at     INTEGER,
    reason        TEXT NOT NULL DEFAULT '',
    forgotten     INTEGER NOT NULL DEFAULT 0 CHECK (forgotten IN (0, 1)),
    about         TEXT NOT NULL DEFAULT '',
    CHECK ((closed_at IS NULL) = (state IN ('queued', 'sending', 'held')))
) STRICT;

CREATE INDEX delivery_patient ON delivery (patient);
CREATE INDEX delivery_about ON delivery (about) WHERE about <> '';
CREATE INDEX delivery_state ON delivery (state, due_at);

CREATE TABLE delivery_mime (
    delivery TEXT PRIMARY KEY REFERENCES delivery (id),
    mime     BLOB NOT NULL
) STRICT;

-- The name of a file is sealed with it.
CREATE TABLE delivery_file (
    delivery TEXT NOT NULL REFERENCES delivery (id),
    number   INTEGER NOT NULL,
    data     BLOB NOT NULL,
    PRIMARY KEY (delivery, number)
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
    reply     BLOB,
    PRIMARY KEY (delivery, number),
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX attempt_open ON attempt (delivery) WHERE closed_at IS NULL;

CREATE INDEX delivery_relayed ON delivery (letter_kind, closed_at, id)
    WHERE state = 'relayed' AND forgotten = 0;

-- identity, digest: sealed digests of the report, and of the mail that it came in.
CREATE TABLE receipt (
    id          INTEGER PRIMARY KEY,
    delivery    TEXT NOT NULL REFERENCES delivery (id),
    identity    BLOB NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN (
        'delivered', 'relayed', 'expanded', 'delayed', 'failed', 'displayed', 'filed', 'refused',
        'dispatched', 'deleted', 'answered', 'absent', 'confirmed', 'disowned', 'unclear')),
    source      TEXT NOT NULL CHECK (source IN (
        'dsn', 'mdn', 'ko-mail', 'auto-reply', 'reply', 'bounce', 'person')),
    status      TEXT,
    code        INTEGER,
    by_machine  INTEGER CHECK (by_machine IN (0, 1)),
    said_at     INTEGER,
    other_box   INTEGER NOT NULL CHECK (other_box IN (0, 1)),
    received_at INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    origin      TEXT NOT NULL,
    UNIQUE (delivery, identity)
) STRICT;

-- The evidence: the mail as it came, sealed with the key of the patient.
CREATE TABLE receipt_mail (
    delivery TEXT NOT NULL REFERENCES delivery (id),
    digest   BLOB NOT NULL,
    mail     BLOB NOT NULL,
    PRIMARY KEY (delivery, digest)
) STRICT;

-- A purged number is never used again: lines of the audit tell of it.
CREATE TABLE task (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    key       BLOB NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    patient   BLOB,
    said      BLOB NOT NULL,
    raised_at INTEGER NOT NULL,
    closed_at INTEGER,
    closed_by TEXT,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
) STRICT;

CREATE INDEX task_patient ON task (patient) WHERE patient IS NOT NULL;
CREATE INDEX task_open ON task (id, kind) WHERE closed_at IS NULL;

-- The hashes are over the plain line, so that an export verifies without our keys.
-- said: stay, subject and detail.
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    actor    TEXT NOT NULL,
    patient  BLOB,
    said     BLOB NOT NULL,
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

-- What was learnt of a doctor, whoever the patient is: channel, format, no electronic mail.
CREATE TABLE doctor (
    rpps BLOB PRIMARY KEY,
    said BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
