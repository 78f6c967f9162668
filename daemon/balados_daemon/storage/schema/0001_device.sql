-- What is local to this device and never synced. Times are integer milliseconds since 1970.

-- This device, as it numbers its changes in a library. `runs` is a JSON list of process runs: the last that the relay
-- answered, then those since; by them two machines on one id are told apart (DESIGN.md section 5).
CREATE TABLE device (
    account INTEGER PRIMARY KEY,
    id      TEXT NOT NULL,
    name    TEXT NOT NULL,
    runs    TEXT NOT NULL
) STRICT;

-- The relay a library is paired with. `key` is this device's private key, `cursor` how far the relay's history is known,
-- `clock_offset` what to add to this device's clock to get the relay's. `trouble` is why the last round failed, if it did;
-- `refused` is 1 when trying again will not help. `notice` is one line about what happened by itself. `version` is the
-- program's that read the history up to the cursor: a newer one asks again for what that one could not read.
CREATE TABLE relays (
    account      INTEGER PRIMARY KEY,
    url          TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    app_id       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    cursor       TEXT    NOT NULL DEFAULT '',
    clock_offset INTEGER NOT NULL DEFAULT 0,
    paired_at    INTEGER NOT NULL,
    synced_at    INTEGER,
    trouble      TEXT,
    refused      INTEGER NOT NULL DEFAULT 0,
    notice       TEXT,
    version      TEXT    NOT NULL DEFAULT ''
) STRICT;

-- What other devices of the library call themselves.
CREATE TABLE device_names (
    account INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

-- A feed that was read. `trouble` is why the last try failed, if it did.
CREATE TABLE feeds (
    feed          TEXT    PRIMARY KEY,
    title         TEXT,
    description   TEXT,
    link          TEXT,
    image         TEXT,
    etag          TEXT,
    last_modified TEXT,
    fetched_at    INTEGER NOT NULL,
    trouble       TEXT
) STRICT, WITHOUT ROWID;

-- An episode as its feed tells it. `short` is the id that people type. `published` is in milliseconds, `duration` in
-- seconds. `place` keeps the feed's order.
CREATE TABLE episodes (
    feed           TEXT    NOT NULL REFERENCES feeds (feed),
    item           TEXT    NOT NULL,
    short          TEXT    NOT NULL,
    place          INTEGER NOT NULL,
    title          TEXT,
    published      INTEGER,
    duration       REAL,
    enclosure_url  TEXT,
    enclosure_type TEXT,
    link           TEXT,
    summary        TEXT,
    image          TEXT,
    PRIMARY KEY (feed, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX episodes_by_short ON episodes (short);
