-- What the administration logs has its line in the audit log. Looked at when the transaction commits: the line may come before
-- or after.
CREATE OR REPLACE FUNCTION audit_administration_has_its_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit_auditline
         WHERE transaction = pg_current_xact_id()::text::bigint
           AND person_id = NEW.user_id
           AND action LIKE 'admin.%'
           AND right(target, length(NEW.object_id) + 1) = ':' || NEW.object_id
    ) THEN
        RAISE EXCEPTION 'audit_administration_has_its_line: "%" was logged by the administration without a line in the audit log',
            NEW.object_repr
            USING ERRCODE = 'restrict_violation', HINT = 'Register the page on a site of market.audit.administration.';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS audit_administration_has_its_line ON django_admin_log;
CREATE CONSTRAINT TRIGGER audit_administration_has_its_line AFTER INSERT ON django_admin_log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION audit_administration_has_its_line();
