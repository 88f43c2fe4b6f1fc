-- Who gets roles has a line that says so. Looked at when the transaction commits: the line may come before or after.
CREATE OR REPLACE FUNCTION audit_roles_have_their_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit_auditline
         WHERE transaction = pg_current_xact_id()::text::bigint
           AND target = 'person:' || NEW.id
           AND details #> '{changes,roles,after}' = to_jsonb(NEW.roles)
    ) THEN
        RAISE EXCEPTION 'audit_roles_have_their_line: the roles of person % became % without a line in the audit log',
            NEW.id, NEW.roles
            USING ERRCODE = 'restrict_violation',
                  HINT = 'Give roles with market.accounts.roles, create_user or the administration.';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS audit_new_roles_have_their_line ON accounts_user;
CREATE CONSTRAINT TRIGGER audit_new_roles_have_their_line AFTER INSERT ON accounts_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.roles::text[] IS DISTINCT FROM ARRAY['user'])
    EXECUTE FUNCTION audit_roles_have_their_line();
DROP TRIGGER IF EXISTS audit_roles_have_their_line ON accounts_user;
CREATE CONSTRAINT TRIGGER audit_roles_have_their_line AFTER UPDATE OF roles ON accounts_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.roles IS DISTINCT FROM OLD.roles)
    EXECUTE FUNCTION audit_roles_have_their_line();
