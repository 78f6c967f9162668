-- Who makes a feed, and in which language. Forgetting the validators has each feed sent whole once more, so that it tells.
ALTER TABLE feeds ADD COLUMN author TEXT;
ALTER TABLE feeds ADD COLUMN language TEXT;
UPDATE feeds SET etag = NULL, last_modified = NULL;
