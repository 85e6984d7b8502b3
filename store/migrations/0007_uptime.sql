-- What is known of the minutes of a day, of each component in each region: a bit a
-- minute, the lowest of a byte first, UTC. Which of them were bad is not here; it
-- follows from the events.
CREATE TABLE uptime (
    day         INTEGER NOT NULL CHECK (day > 0), -- since 1970-01-01: date(day * 86400, 'unixepoch')
    component   TEXT    NOT NULL CHECK (component <> ''),
    region      TEXT    NOT NULL,
    known       BLOB    NOT NULL CHECK (length(known) = 180),
    maintenance BLOB    NOT NULL CHECK (length(maintenance) = 180),
    PRIMARY KEY (day, component, region) -- what is written together lies together
) STRICT, WITHOUT ROWID;

-- The first minute that was ever judged of each.
CREATE TABLE watched (
    component TEXT    NOT NULL CHECK (component <> ''),
    region    TEXT    NOT NULL,
    since     INTEGER NOT NULL CHECK (since > 0 AND since % 60000000000 = 0),
    PRIMARY KEY (component, region)
) STRICT, WITHOUT ROWID;

-- What customers may see of what was measured: the worst of each quarter of an hour.
CREATE TABLE readings (
    step      INTEGER NOT NULL CHECK (step > 0 AND step % 900000000000 = 0),
    component TEXT    NOT NULL CHECK (component <> ''),
    region    TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind <> ''),
    value     REAL    NOT NULL,
    PRIMARY KEY (step, component, region, kind)
) STRICT, WITHOUT ROWID;
