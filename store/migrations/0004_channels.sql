-- A delivery to many targets is a row for each of them, so that one that fails
-- holds up no other; and the worse an incident is, the sooner its rows go out.

CREATE TABLE outbox_of_targets (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    channel  TEXT    NOT NULL CHECK (channel <> ''),
    key      TEXT    NOT NULL,
    target   TEXT    NOT NULL DEFAULT '', -- '' where the channel is one target, and of a row that is not spread yet
    incident TEXT    NOT NULL,
    seq      INTEGER NOT NULL REFERENCES events (seq),
    severity TEXT    NOT NULL DEFAULT 'none' CHECK (severity IN ('none', 'P4', 'P3', 'P2', 'P1', 'P0')),
    call     INTEGER NOT NULL DEFAULT 0 CHECK (call IN (0, 1)), -- it calls people
    queued   INTEGER NOT NULL CHECK (queued > 0), -- when it was first due
    due      INTEGER NOT NULL CHECK (due > 0),    -- when it is tried next
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    state    TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
    receipt  TEXT    NOT NULL DEFAULT '',
    reason   TEXT    NOT NULL DEFAULT '',         -- of the last failure
    ended    INTEGER,                             -- when it was done, or given up
    UNIQUE (channel, key, target),
    CHECK ((state = 'waiting') = (ended IS NULL)),
    CHECK (state <> 'dead' OR reason <> '')
) STRICT;

INSERT INTO outbox_of_targets (id, channel, key, incident, seq, call, queued, due, attempts, state, receipt, reason, ended)
    SELECT id, channel, key, incident, seq, key LIKE '%/notice/%', queued, due, attempts, state, receipt, reason, ended FROM outbox ORDER BY id;
DROP TABLE outbox;
ALTER TABLE outbox_of_targets RENAME TO outbox;

-- In the alphabet P0 comes first and none last.
CREATE INDEX outbox_waiting ON outbox (channel, severity, call DESC, seq, id) WHERE state = 'waiting';
CREATE INDEX outbox_due     ON outbox (channel, due)                          WHERE state = 'waiting';
CREATE INDEX outbox_order   ON outbox (channel, target, incident, seq)        WHERE state = 'waiting';
CREATE INDEX outbox_dead    ON outbox (state, ended)                          WHERE state = 'dead';

-- Channels that nothing goes to, since their target wants no more.
CREATE TABLE halted (
    channel TEXT    PRIMARY KEY CHECK (channel <> ''),
    reason  TEXT    NOT NULL CHECK (reason <> ''),
    at      INTEGER NOT NULL CHECK (at > 0)
) STRICT, WITHOUT ROWID;

-- What channels remember of their targets. It is a help: each can be found out
-- anew.
CREATE TABLE remembered (
    channel TEXT NOT NULL CHECK (channel <> ''),
    name    TEXT NOT NULL CHECK (name <> ''),
    value   TEXT NOT NULL CHECK (value <> ''),
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

-- How mail addresses did. One that is not here never failed.
CREATE TABLE addresses (
    channel TEXT    NOT NULL CHECK (channel <> ''),
    address TEXT    NOT NULL CHECK (address <> ''),
    state   TEXT    NOT NULL CHECK (state IN ('refused', 'bounced', 'unsubscribed')),
    reason  TEXT    NOT NULL,
    at      INTEGER NOT NULL CHECK (at > 0),
    times   INTEGER NOT NULL DEFAULT 1 CHECK (times > 0), -- how often in a row
    PRIMARY KEY (channel, address)
) STRICT, WITHOUT ROWID;
