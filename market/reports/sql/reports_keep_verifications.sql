-- What a verification found stays as it was found.
CREATE OR REPLACE FUNCTION reports_keep_verifications() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.ended_at IS NULL THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on % refused: what a verification found is kept', TG_OP, TG_TABLE_NAME
        USING HINT = 'Verify the ledger again.';
END $$;

CREATE OR REPLACE TRIGGER reports_verificationrun_kept BEFORE UPDATE OR DELETE ON reports_verificationrun
    FOR EACH ROW EXECUTE FUNCTION reports_keep_verifications();
CREATE OR REPLACE TRIGGER reports_verificationrun_no_truncate BEFORE TRUNCATE ON reports_verificationrun
    FOR EACH STATEMENT EXECUTE FUNCTION reports_keep_verifications();
