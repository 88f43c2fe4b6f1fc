-- Rates are only added to: what was kept back stays to be seen.
CREATE OR REPLACE FUNCTION payments_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: rates are only added to', TG_OP, TG_TABLE_NAME
        USING HINT = 'Add a rate that begins later.';
END $$;

CREATE OR REPLACE TRIGGER payments_withholdingrate_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON payments_withholdingrate
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_change();
