-- Rows that triggers keep: a change that does not come from inside one is refused.
CREATE OR REPLACE FUNCTION ledger_refuse_change_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() <= 1 THEN
        RAISE EXCEPTION '% on % refused: it follows the entries and holds', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'LG012';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE OR REPLACE TRIGGER ledger_pendinghold_by_trigger BEFORE INSERT OR UPDATE OR DELETE ON ledger_pendinghold
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change_by_hand();
CREATE OR REPLACE TRIGGER ledger_rollup_by_trigger BEFORE INSERT OR UPDATE OR DELETE ON ledger_rollup
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change_by_hand();
CREATE OR REPLACE TRIGGER ledger_payerbalance_by_trigger BEFORE INSERT OR UPDATE OR DELETE ON ledger_payerbalance
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change_by_hand();
