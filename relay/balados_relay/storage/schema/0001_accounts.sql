-- Accounts and their devices. Times are integer milliseconds since 1970.

-- A person whose library the relay keeps. `user_id` is the UUID that tokens name; `folded` is the name as names are
-- compared, so that no two differ by case alone.
CREATE TABLE accounts (
    id      INTEGER PRIMARY KEY,
    user_id TEXT    NOT NULL UNIQUE,
    name    TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    folded  TEXT    NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;

-- A public key that may speak for an account under an app id. It stays when it is revoked, so that its app id is never
-- given to another key.
CREATE TABLE grants (
    account     INTEGER NOT NULL REFERENCES accounts (id),
    app_id      TEXT    NOT NULL,
    public_key  TEXT    NOT NULL,
    device_name TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    last_used   INTEGER,
    revoked_at  INTEGER,
    PRIMARY KEY (account, app_id)
) STRICT;

-- A pairing code, by its SHA-256, that can be redeemed once before it expires.
CREATE TABLE invites (
    account   INTEGER NOT NULL REFERENCES accounts (id),
    code_hash BLOB    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    used_at   INTEGER,
    PRIMARY KEY (account, code_hash)
) STRICT;

-- What the relay knows of a device id: the app it speaks through, the highest number and the last process run it was
-- heard with, and the cursor it was last given. By count and run two machines on one id are told apart.
CREATE TABLE counters (
    account   INTEGER NOT NULL REFERENCES accounts (id),
    device_id TEXT    NOT NULL,
    app_id    TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    run       TEXT    NOT NULL,
    cursor    TEXT    NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (account, device_id)
) STRICT, WITHOUT ROWID;
