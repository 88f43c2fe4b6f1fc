-- The jobs of a day that was summed up stay as they are.
CREATE OR REPLACE FUNCTION jobs_guard_job_of_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND EXISTS (
           SELECT FROM jobs_jobday WHERE kind = OLD.kind AND day = (OLD.created_at AT TIME ZONE 'UTC')::date)
       OR TG_OP <> 'DELETE' AND EXISTS (
           SELECT FROM jobs_jobday WHERE kind = NEW.kind AND day = (NEW.created_at AT TIME ZONE 'UTC')::date)
    THEN
        RAISE EXCEPTION '% on % refused: its day is summed up', TG_OP, TG_TABLE_NAME
            USING HINT = 'Make a new job; one that ended stays as it ended.';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

-- What is made now, or changes while it waits or runs, is not of a day that was summed up, and is not looked for.
CREATE OR REPLACE TRIGGER jobs_job_made_on_an_open_day BEFORE INSERT ON jobs_job
    FOR EACH ROW WHEN (NEW.created_at < now() - interval '10 minutes') EXECUTE FUNCTION jobs_guard_job_of_day();
CREATE OR REPLACE TRIGGER jobs_job_stays_as_it_was_summed_up BEFORE UPDATE ON jobs_job
    FOR EACH ROW WHEN (
        (OLD.kind, OLD.created_at) IS DISTINCT FROM (NEW.kind, NEW.created_at)
        OR OLD.state IN ('succeeded', 'failed', 'cancelled')
           AND (OLD.state, OLD.started_at, OLD.finished_at, OLD.error)
               IS DISTINCT FROM (NEW.state, NEW.started_at, NEW.finished_at, NEW.error)
    ) EXECUTE FUNCTION jobs_guard_job_of_day();
CREATE OR REPLACE TRIGGER jobs_job_stays_when_summed_up BEFORE DELETE ON jobs_job
    FOR EACH ROW EXECUTE FUNCTION jobs_guard_job_of_day();
