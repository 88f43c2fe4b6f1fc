-- What was said and measured in a claim is only added to.
CREATE OR REPLACE FUNCTION claims_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: it is only added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'What was said and measured in a claim stays as it was.';
END $$;

CREATE OR REPLACE TRIGGER claims_claimstep_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_claimstep
    FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();
CREATE OR REPLACE TRIGGER claims_claimmessage_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_claimmessage
    FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();
CREATE OR REPLACE TRIGGER claims_notice_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_notice
    FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();
CREATE OR REPLACE TRIGGER claims_counternotice_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_counternotice
    FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();
CREATE OR REPLACE TRIGGER claims_evidencereport_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_evidencereport
    FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();
CREATE OR REPLACE TRIGGER claims_evidencepair_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_evidencepair
    FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();
