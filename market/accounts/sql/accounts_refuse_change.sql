-- The record of accepted terms is append-only.
CREATE OR REPLACE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER accounts_roleacceptance_is_immutable BEFORE UPDATE OR DELETE ON accounts_roleacceptance
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
