-- Apps: what a grant allows, and the tokens of those that cannot sign.

-- How an app calls itself, and its scopes in one text with spaces between. A paired daemon may sync, and no more.
-- `public_key` is '' for an app without a key, which speaks by bearer tokens alone.
ALTER TABLE grants ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN url TEXT;
ALTER TABLE grants ADD COLUMN image TEXT;
ALTER TABLE grants ADD COLUMN scopes TEXT NOT NULL DEFAULT 'user.sync';

-- A token that an app shows as it is, by its SHA-256; `refresh_hash` is that of the token which renews it. Both are
-- replaced in place, so the app stays one device of the account. When it was last used stands in its grant.
CREATE TABLE bearers (
    id              INTEGER PRIMARY KEY,
    account         INTEGER NOT NULL,
    app_id          TEXT    NOT NULL,
    device_id       TEXT    NOT NULL,
    device_name     TEXT    NOT NULL,
    token_hash      BLOB    NOT NULL UNIQUE,
    refresh_hash    BLOB    UNIQUE,
    created         INTEGER NOT NULL,
    expires         INTEGER NOT NULL,
    refresh_expires INTEGER,
    FOREIGN KEY (account, app_id) REFERENCES grants (account, app_id)
) STRICT;
CREATE INDEX bearers_by_app ON bearers (account, app_id);

-- A password for one client that knows no other way to log in, by the SHA-256 of its random text.
CREATE TABLE app_passwords (
    id        INTEGER PRIMARY KEY,
    account   INTEGER NOT NULL REFERENCES accounts (id),
    client    TEXT    NOT NULL,
    hash      BLOB    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    last_used INTEGER
) STRICT;
CREATE INDEX app_passwords_by_account ON app_passwords (account);
