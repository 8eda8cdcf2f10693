-- Which patients share a trait that two who are alike would share (decide.likeness). A trace is an
-- HMAC: no name, number or date can be read here, nor told by trying all of them without the key.

CREATE TABLE likeness (
    trace   BLOB NOT NULL CHECK (length(trace) = 16),
    patient BLOB NOT NULL REFERENCES patient (key),
    PRIMARY KEY (trace, patient)
) STRICT, WITHOUT ROWID;

CREATE INDEX likeness_patient ON likeness (patient);
