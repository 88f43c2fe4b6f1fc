-- Rates are only added to: what a quote was drawn with stays to be seen.
CREATE OR REPLACE FUNCTION generation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: rates are only added to', TG_OP, TG_TABLE_NAME
        USING HINT = 'Add a rate that begins later.';
END $$;

CREATE OR REPLACE TRIGGER generation_commissionrate_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON generation_commissionrate
    FOR EACH STATEMENT EXECUTE FUNCTION generation_refuse_change();
