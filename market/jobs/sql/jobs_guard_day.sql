-- The figures of a day are written once its jobs have ended.
CREATE OR REPLACE FUNCTION jobs_guard_day() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    begins timestamptz := NEW.day::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (NEW.day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF ends > now() THEN
        RAISE EXCEPTION 'The day % is not over', NEW.day USING HINT = 'Sum it up after its end, in UTC.';
    END IF;
    IF EXISTS (SELECT FROM jobs_job WHERE kind = NEW.kind AND state = 'queued' AND created_at >= begins AND created_at < ends)
       OR EXISTS (SELECT FROM jobs_job WHERE kind = NEW.kind AND state = 'running' AND created_at >= begins AND created_at < ends)
    THEN
        RAISE EXCEPTION 'A job of kind % of % has not ended', NEW.kind, NEW.day USING HINT = 'Sum the day up when all have.';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER jobs_jobday_when_it_can_be BEFORE INSERT ON jobs_jobday
    FOR EACH ROW EXECUTE FUNCTION jobs_guard_day();
