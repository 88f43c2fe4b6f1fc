"""Triggers: a line is never changed or taken away, has the database's own time, and is there for what needs one."""

from django.conf import settings
from django.db import migrations

LOG = """
-- What a page shows of a line has this shape, also where somebody wrote it by hand.
ALTER TABLE audit_auditline ADD CONSTRAINT audit_line_details_are_named CHECK (
    jsonb_typeof(details) = 'object'
    AND COALESCE(jsonb_typeof(details -> 'changes'), 'object') = 'object'
    AND NOT jsonb_path_exists(details, 'strict $.changes.* ? (@.type() != "object")', '{}', true)
);

CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: the audit log is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Add a line that says what was wrong.';
END $$;
CREATE TRIGGER audit_auditline_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditline
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

-- Nobody dates a line back, or says that it belongs to another transaction.
CREATE FUNCTION audit_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := clock_timestamp();
    NEW.transaction := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_auditline_stamp BEFORE INSERT ON audit_auditline
    FOR EACH ROW EXECUTE FUNCTION audit_stamp();
"""

# Looked at when the transaction commits: the line may be written before or after what it is about.
NEEDED = """
CREATE FUNCTION audit_roles_have_their_line() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE CONSTRAINT TRIGGER audit_new_roles_have_their_line AFTER INSERT ON accounts_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.roles::text[] IS DISTINCT FROM ARRAY['user'])
    EXECUTE FUNCTION audit_roles_have_their_line();
CREATE CONSTRAINT TRIGGER audit_roles_have_their_line AFTER UPDATE OF roles ON accounts_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.roles IS DISTINCT FROM OLD.roles)
    EXECUTE FUNCTION audit_roles_have_their_line();

CREATE FUNCTION audit_administration_has_its_line() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE CONSTRAINT TRIGGER audit_administration_has_its_line AFTER INSERT ON django_admin_log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION audit_administration_has_its_line();
"""

UNDO = """
DROP TRIGGER audit_administration_has_its_line ON django_admin_log;
DROP TRIGGER audit_roles_have_their_line ON accounts_user;
DROP TRIGGER audit_new_roles_have_their_line ON accounts_user;
DROP TRIGGER audit_auditline_stamp ON audit_auditline;
DROP TRIGGER audit_auditline_append_only ON audit_auditline;
ALTER TABLE audit_auditline DROP CONSTRAINT audit_line_details_are_named;
DROP FUNCTION audit_administration_has_its_line, audit_roles_have_their_line, audit_stamp, audit_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_audit_line"),
        ("accounts", "0002_guards"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunSQL(LOG + NEEDED, UNDO)]
