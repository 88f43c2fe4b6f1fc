"""The view of versions that may not be used, and that a suspension is only ever lifted."""

from django.db import migrations

BARRED = """
CREATE VIEW catalog_barredversion AS
WITH RECURSIVE barred(version_id) AS (
    SELECT version.id FROM catalog_pluginversion version JOIN catalog_plugin plugin ON plugin.id = version.plugin_id
     WHERE plugin.taken_down_at IS NOT NULL
    UNION
    SELECT part.version_id FROM barred JOIN catalog_pluginpart part ON part.part_id = barred.version_id
)
SELECT version_id FROM barred;
"""
SUSPENSIONS = """
CREATE FUNCTION catalog_suspension_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.lifted_at IS NULL
           AND to_jsonb(NEW) - '{lifted_at,lifted_by_id,lifted_because}'::text[]
             = to_jsonb(OLD) - '{lifted_at,lifted_by_id,lifted_because}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'catalog_suspension_is_only_lifted: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Lift it, or begin another.';
END $$;
CREATE TRIGGER catalog_suspension_is_only_lifted BEFORE UPDATE OR DELETE ON catalog_suspension
    FOR EACH ROW EXECUTE FUNCTION catalog_suspension_stays();
CREATE TRIGGER catalog_suspension_is_not_emptied BEFORE TRUNCATE ON catalog_suspension
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_suspension_stays();
"""
UNDO = """
DROP TRIGGER catalog_suspension_is_not_emptied ON catalog_suspension;
DROP TRIGGER catalog_suspension_is_only_lifted ON catalog_suspension;
DROP FUNCTION catalog_suspension_stays;
DROP VIEW catalog_barredversion;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_taken_down_and_suspended")]

    operations = [migrations.RunSQL(BARRED + SUSPENSIONS, UNDO)]
