-- What was deleted, by its arrival: what is to be purged in time (DESIGN.md section 3).
CREATE INDEX records_gone ON records (account, arrived) WHERE NOT present;
