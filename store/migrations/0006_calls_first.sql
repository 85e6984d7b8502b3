-- A call to people goes before all else that waits on a channel: a list's
-- thousands of a worse incident would keep it waiting.
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox (channel, call DESC, severity, seq, id) WHERE state = 'waiting';
