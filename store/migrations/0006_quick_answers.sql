-- A call to people goes before all else that waits on a channel: a list's
-- thousands of a worse incident would keep it waiting.
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox (channel, call DESC, severity, seq, id) WHERE state = 'waiting';

-- How the channels stand is asked for again and again, and the dead letters are,
-- too: whatever is kept, none of it looks at all of it.
CREATE INDEX outbox_done     ON outbox (channel, ended) WHERE state = 'done';
DROP INDEX outbox_dead;
CREATE INDEX outbox_dead     ON outbox (state)        WHERE state = 'dead'; -- by id
CREATE INDEX outbox_dead_key ON outbox (channel, key) WHERE state = 'dead';
