-- What a check found, and the pictures it drew, stay as they were.
CREATE OR REPLACE FUNCTION basemodels_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER basemodels_basecheck_is_immutable BEFORE UPDATE OR DELETE ON basemodels_basecheck
    FOR EACH ROW EXECUTE FUNCTION basemodels_refuse_change();
CREATE OR REPLACE TRIGGER basemodels_basesample_is_immutable BEFORE UPDATE OR DELETE ON basemodels_basesample
    FOR EACH ROW EXECUTE FUNCTION basemodels_refuse_change();
