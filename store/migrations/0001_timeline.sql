-- Times are whole nanoseconds since 1970-01-01 UTC, so that what is read equals
-- what was written. To read one: datetime(at / 1000000000, 'unixepoch').

PRAGMA application_id = 0x546F6373; -- "Tocs": this file is Tocsin's

CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT    NOT NULL, -- '' where it concerns the source or a cell
    kind     TEXT    NOT NULL CHECK (kind <> ''),
    at       INTEGER NOT NULL CHECK (at > 0),
    recorded INTEGER NOT NULL CHECK (recorded > 0),
    body     TEXT    NOT NULL CHECK (json_valid(body)),
    CHECK (incident <> '' OR kind NOT IN
        ('opened', 'raised', 'eased', 'recovered', 'moved', 'updated', 'missed', 'resolved'))
) STRICT;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;

-- One row a delivery. A page has one row in all (key ''): the newest event it
-- stands for swallows the older ones.
CREATE TABLE outbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    channel  TEXT    NOT NULL CHECK (channel <> ''),
    key      TEXT    NOT NULL,
    incident TEXT    NOT NULL,
    seq      INTEGER NOT NULL REFERENCES events (seq),
    queued   INTEGER NOT NULL CHECK (queued > 0), -- when it was first due
    due      INTEGER NOT NULL CHECK (due > 0),    -- when it is tried next
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    state    TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
    receipt  TEXT    NOT NULL DEFAULT '',
    reason   TEXT    NOT NULL DEFAULT '',         -- of the last failure
    ended    INTEGER,                             -- when it was done, or given up
    UNIQUE (channel, key),
    CHECK ((state = 'waiting') = (ended IS NULL)),
    CHECK (state <> 'dead' OR reason <> '')
) STRICT;

CREATE INDEX outbox_waiting ON outbox (channel, due) WHERE state = 'waiting';

-- When a page is to be rendered once more, for posts whose time had not come
-- when they were swallowed.
CREATE TABLE page_later (
    channel TEXT    NOT NULL,
    due     INTEGER NOT NULL CHECK (due > 0),
    PRIMARY KEY (channel, due)
) STRICT, WITHOUT ROWID;

-- The journal of judged minutes: each once, in rising order. seq is the order
-- in which they were written.
CREATE TABLE judged (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    minute   INTEGER NOT NULL UNIQUE CHECK (minute > 0 AND minute % 60000000000 = 0), -- its end
    recorded INTEGER NOT NULL CHECK (recorded > 0)
) STRICT;

CREATE TRIGGER judged_in_order BEFORE INSERT ON judged
WHEN NEW.minute <= (SELECT max(minute) FROM judged)
BEGIN SELECT RAISE(ABORT, 'minutes are judged once and in order'); END;

-- Where the journal starts: a minute that was not judged, and behind which
-- nothing ever is.
CREATE TABLE journal_start (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    minute INTEGER NOT NULL CHECK (minute > 0 AND minute % 60000000000 = 0)
) STRICT;
