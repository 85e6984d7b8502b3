-- What the CHECK of 0001 says of the kinds that there were then, and a trigger
-- of 0003 of those that came until then, holds for those that came since.
CREATE TRIGGER events_since_name_their_incident BEFORE INSERT ON events
WHEN NEW.incident = '' AND NEW.kind IN ('stood-down')
BEGIN SELECT RAISE(ABORT, 'an event of this kind names its incident'); END;
