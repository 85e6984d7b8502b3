-- Each source of minutes is judged at its own pace: the journal is one a source.
-- What was judged until now were spans.

CREATE TABLE judged_by_source (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    source   TEXT    NOT NULL CHECK (source <> ''),
    minute   INTEGER NOT NULL CHECK (minute > 0 AND minute % 60000000000 = 0), -- its end
    recorded INTEGER NOT NULL CHECK (recorded > 0),
    UNIQUE (source, minute)
) STRICT;

INSERT INTO judged_by_source (seq, source, minute, recorded)
    SELECT seq, 'spans', minute, recorded FROM judged ORDER BY seq;
DROP TABLE judged; -- and its trigger
ALTER TABLE judged_by_source RENAME TO judged;

CREATE TRIGGER judged_in_order BEFORE INSERT ON judged
WHEN NEW.minute <= (SELECT max(minute) FROM judged WHERE source = NEW.source)
BEGIN SELECT RAISE(ABORT, 'minutes are judged once and in order'); END;

CREATE TABLE journal_start_by_source (
    source TEXT    PRIMARY KEY CHECK (source <> ''),
    minute INTEGER NOT NULL CHECK (minute > 0 AND minute % 60000000000 = 0)
) STRICT, WITHOUT ROWID;

INSERT INTO journal_start_by_source (source, minute) SELECT 'spans', minute FROM journal_start;
DROP TABLE journal_start;
ALTER TABLE journal_start_by_source RENAME TO journal_start;

-- Where the verdict on a rule and series changed, with the numbers that it
-- rests on. It holds until the next row of the same series.
CREATE TABLE turns (
    rule      TEXT    NOT NULL CHECK (rule <> ''),
    service   TEXT    NOT NULL,
    region    TEXT    NOT NULL,
    minute    INTEGER NOT NULL CHECK (minute > 0 AND minute % 60000000000 = 0), -- end of the judged one
    now       TEXT    NOT NULL CHECK (now IN ('unsure', 'good', 'bad')),
    held      TEXT    NOT NULL CHECK (held IN ('none', 'P4', 'P3', 'P2', 'P1', 'P0')),
    recovered INTEGER NOT NULL CHECK (recovered IN (0, 1)),
    value     REAL, -- NULL where there was none
    "limit"   REAL,
    requests  INTEGER NOT NULL,
    errors    INTEGER NOT NULL,
    PRIMARY KEY (rule, service, region, minute)
) STRICT, WITHOUT ROWID;

CREATE INDEX turns_by_minute ON turns (minute, rule, service, region);

-- Minutes that nobody else keeps: what probes found. Spans stay where they are.
CREATE TABLE minutes (
    start     INTEGER NOT NULL CHECK (start > 0 AND start % 60000000000 = 0),
    service   TEXT    NOT NULL,
    region    TEXT    NOT NULL,
    stream    TEXT    NOT NULL,
    requests  INTEGER NOT NULL,
    errors    INTEGER NOT NULL,
    matches   INTEGER NOT NULL,
    durations BLOB    NOT NULL, -- telemetry.Histogram's own
    gauges    TEXT    NOT NULL CHECK (json_valid(gauges)),
    PRIMARY KEY (start, service, region, stream)
) STRICT, WITHOUT ROWID;
