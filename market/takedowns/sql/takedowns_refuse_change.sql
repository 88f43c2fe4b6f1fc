-- Steps of a takedown are only added, and takedowns are never deleted.
CREATE OR REPLACE FUNCTION takedowns_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: it is only added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'What was done to a takedown stays to be read.';
END $$;

CREATE OR REPLACE TRIGGER takedowns_step_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON takedowns_takedownstep
    FOR EACH STATEMENT EXECUTE FUNCTION takedowns_refuse_change();
CREATE OR REPLACE TRIGGER takedowns_takedown_stays BEFORE DELETE OR TRUNCATE ON takedowns_takedown
    FOR EACH STATEMENT EXECUTE FUNCTION takedowns_refuse_change();
