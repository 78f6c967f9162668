-- The record store, the same in the daemon and the relay (DESIGN.md sections 3 to 6).
-- Times are integer milliseconds since 1970. JSON columns hold the wire form (docs/architecture.md).

-- A library: the records of one account. `revision` numbers arrivals, `tag` hashes all of them in order,
-- `arrived` is the last arrival's stamp, which only grows.
CREATE TABLE libraries (
    account  INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL DEFAULT 0,
    tag      TEXT    NOT NULL DEFAULT '',
    arrived  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A record as it stands: its value, heads and vector in `state`. `time` dates the value, `present` is 0 for what was
-- unsubscribed, unliked or removed, `revision` is the arrival that made it so. A key begins with the key of its parent.
CREATE TABLE records (
    id       INTEGER PRIMARY KEY,
    account  INTEGER NOT NULL REFERENCES libraries (account),
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    time     INTEGER NOT NULL,
    present  INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    arrived  INTEGER NOT NULL,
    UNIQUE (account, kind, key)
) STRICT;
CREATE INDEX records_by_revision ON records (account, revision);
CREATE INDEX records_by_time ON records (account, kind, time);
CREATE INDEX records_by_item ON records (account, state ->> '$.rss_source_item', time) WHERE kind = 'play_status';

-- A change that arrived. `incoming` is the state that came in; joining all of them onto the checkpoint gives the records.
-- `before` and `after` are the record's states around it; `after` is NULL where it is just what came in. `reports` counts
-- the position reports of one uninterrupted stretch of playing, else 0.
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    record   INTEGER NOT NULL REFERENCES records (id),
    revision INTEGER NOT NULL,
    device   TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    arrived  INTEGER NOT NULL,
    outcome  TEXT    NOT NULL,
    rule     TEXT    NOT NULL,
    reports  INTEGER NOT NULL,
    before   TEXT,
    after    TEXT,
    incoming TEXT    NOT NULL
) STRICT;
CREATE INDEX events_by_record ON events (record, seq);

-- A record as the folded part of the log leaves it.
CREATE TABLE checkpoints (
    record INTEGER PRIMARY KEY REFERENCES records (id),
    state  TEXT NOT NULL
) STRICT;

-- The tag of each arrival, by which a device's cursor is known to belong to this history.
CREATE TABLE tags (
    account  INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    tag      TEXT    NOT NULL,
    arrived  INTEGER NOT NULL,
    PRIMARY KEY (account, revision)
) STRICT, WITHOUT ROWID;

-- How far a device that this program numbers for has counted its changes.
CREATE TABLE counts (
    account INTEGER NOT NULL,
    device  TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;

-- A record that was changed here and that the relay has not acknowledged. It is sent from `due` on; `version` grows with
-- each further change, so that an acknowledgement takes off only what it saw. A parked row waits for a person.
CREATE TABLE queue (
    record   INTEGER PRIMARY KEY REFERENCES records (id),
    account  INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    version  INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    parked   INTEGER NOT NULL DEFAULT 0,
    error    TEXT
) STRICT;
CREATE INDEX queue_by_due ON queue (account, parked, due);

-- A removal from elsewhere that the mass-removal brake holds beside its record until a person decides.
CREATE TABLE held (
    account INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (account, kind, key)
) STRICT, WITHOUT ROWID;

-- For people who read the library with SQL.
CREATE VIEW subscriptions AS
SELECT account,
       state ->> '$.rss_source_feed' AS feed,
       state ->> '$.title'           AS title,
       state ->> '$.subscribed_at'   AS subscribed_at,
       state ->> '$.unsubscribed_at' AS unsubscribed_at,
       present                       AS active
  FROM records WHERE kind = 'subscription';

CREATE VIEW play_statuses AS
SELECT account,
       state ->> '$.rss_source_feed' AS feed,
       state ->> '$.rss_source_item' AS episode,
       state ->> '$.position'        AS position,
       state ->> '$.furthest'        AS furthest,
       state ->> '$.duration'        AS duration,
       state ->> '$.played'          AS played,
       state ->> '$.updated_at'      AS updated_at
  FROM records WHERE kind = 'play_status';

CREATE VIEW likes AS
SELECT account,
       state ->> '$.rss_source_feed' AS feed,
       state ->> '$.rss_source_item' AS episode,
       state ->> '$.liked_at'        AS liked_at,
       state ->> '$.unliked_at'      AS unliked_at,
       present                       AS active
  FROM records WHERE kind = 'like';

CREATE VIEW history AS
SELECT events.seq, records.account, records.kind, records.key, events.device, events.time, events.arrived,
       events.outcome, events.rule, events.before, coalesce(events.after, events.incoming) AS after
  FROM events JOIN records ON records.id = events.record;
