-- Clients without numbers, for which this program numbers (DESIGN.md section 4).

-- What a client last sent and last was given of a record, as digests, and the vector of what it knows of it.
CREATE TABLE client_rows (
    account INTEGER NOT NULL,
    device  TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    sent    BLOB,
    given   BLOB,
    vector  TEXT    NOT NULL,
    PRIMARY KEY (account, device, kind, key)
) STRICT, WITHOUT ROWID;

-- The arrival stamp up to which a client was given everything.
CREATE TABLE client_stamps (
    account INTEGER NOT NULL,
    device  TEXT    NOT NULL,
    stamp   INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
