-- What arrived after a stamp: the question of clients that know no cursor (DESIGN.md section 4, `since`).
CREATE INDEX records_by_arrival ON records (account, arrived);
