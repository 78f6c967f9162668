-- People: who may log in, and where they are logged in. Times are integer milliseconds since 1970.

-- `password` is an Argon2id hash in PHC form; without one nobody can log in. The role is owner or member.
ALTER TABLE accounts ADD COLUMN password TEXT;
ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member'));

-- A browser that is logged in, by the SHA-256 of what its cookie holds. `agent` is what it calls itself. It expires when
-- it was idle for long, or, when it is to be remembered, on the day that was set at the start.
CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY,
    token_hash BLOB    NOT NULL UNIQUE,
    account    INTEGER NOT NULL REFERENCES accounts (id),
    agent      TEXT    NOT NULL,
    remembered INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_account ON sessions (account);

-- An invitation for a new person, by the SHA-256 of its code, good for one registration before it expires. `account` is
-- who made it, NULL for the operator.
CREATE TABLE invitations (
    code_hash BLOB    PRIMARY KEY,
    account   INTEGER REFERENCES accounts (id),
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    used_at   INTEGER
) STRICT, WITHOUT ROWID;

-- An account that is gone, and since when. Its library is taken away bit by bit, which may take several starts of the
-- relay; its number is never given to another.
CREATE TABLE deletions (
    account INTEGER PRIMARY KEY,
    began   INTEGER NOT NULL
) STRICT;
