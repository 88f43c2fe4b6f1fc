-- The figures of a day are written once.
CREATE OR REPLACE FUNCTION jobs_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: a day is summed up once', TG_OP, TG_TABLE_NAME
        USING HINT = 'Its jobs do not change any more either.';
END $$;

CREATE OR REPLACE TRIGGER jobs_jobday_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON jobs_jobday
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_refuse_change();
