-- Nobody dates a line back, or says that it belongs to another transaction.
CREATE OR REPLACE FUNCTION audit_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := clock_timestamp();
    NEW.transaction := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER audit_auditline_stamp BEFORE INSERT ON audit_auditline
    FOR EACH ROW EXECUTE FUNCTION audit_stamp();
