-- Who may act, and what people did.

-- A token is known only by its hash: whoever reads this file cannot use one.
-- None is ever deleted, so that the audit log can always tell whose it was.
CREATE TABLE tokens (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    person  TEXT    NOT NULL CHECK (person <> ''),
    role    TEXT    NOT NULL CHECK (role IN ('viewer', 'responder', 'admin')),
    hash    BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256
    hint    TEXT    NOT NULL CHECK (hint <> ''),               -- how it begins
    created INTEGER NOT NULL CHECK (created > 0),
    expires INTEGER CHECK (expires > created), -- NULL: never
    revoked INTEGER CHECK (revoked > 0),
    used    INTEGER CHECK (used > 0)           -- to the hour
) STRICT;

CREATE TRIGGER tokens_are_never_deleted BEFORE DELETE ON tokens
BEGIN SELECT RAISE(ABORT, 'a token is revoked, never deleted'); END;

CREATE TABLE sessions (
    hash    BLOB    PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of the cookie's value
    token   INTEGER NOT NULL REFERENCES tokens (id),
    created INTEGER NOT NULL CHECK (created > 0),
    expires INTEGER NOT NULL CHECK (expires > created)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_token ON sessions (token, created);

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL CHECK (at > 0),
    who      TEXT    NOT NULL, -- ID of the person; '' if nobody was signed in
    role     TEXT    NOT NULL,
    via      TEXT    NOT NULL,
    origin   TEXT    NOT NULL, -- where it came from
    action   TEXT    NOT NULL CHECK (action <> ''),
    incident TEXT    NOT NULL,
    why      TEXT    NOT NULL,
    outcome  TEXT    NOT NULL CHECK (outcome <> '') -- 'done', or why not
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;

CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'nothing is deleted from the audit log'); END;

-- One incident is read in the order of its events: an index ends with the
-- rowid, which is seq.
CREATE INDEX events_of_incident ON events (incident);

-- What the CHECK of 0001 says of the kinds that there were then holds for those
-- that came since.
CREATE TRIGGER events_name_their_incident BEFORE INSERT ON events
WHEN NEW.incident = '' AND NEW.kind IN
    ('reopened', 'surfaced', 'linked',
     'held', 'edited', 'approved', 'vetoed', 'withdrawn', 'disclosed',
     'alarmed', 'paged', 'escalated', 'overdue', 'reminded', 'acknowledged', 'lapsed',
     'noted', 'graded', 'corrected', 'assessed', 'advised', 'merged', 'absorbed', 'related',
     'assigned', 'tasked', 'ticked', 'unticked')
BEGIN SELECT RAISE(ABORT, 'an event of this kind names its incident'); END;
