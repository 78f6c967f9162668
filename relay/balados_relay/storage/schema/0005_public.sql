-- What the relay shows to everybody, where its owner turned that on. Everything else is read from the libraries.

-- An episode that somebody shared.
CREATE TABLE shares (
    account INTEGER NOT NULL REFERENCES accounts (id),
    feed    TEXT    NOT NULL,
    item    TEXT    NOT NULL,
    shared  INTEGER NOT NULL,
    PRIMARY KEY (account, feed, item)
) STRICT, WITHOUT ROWID;

-- By it a change of anybody's privacy is noticed at once.
CREATE INDEX records_of_privacy ON records (kind, revision) WHERE kind = 'privacy';
