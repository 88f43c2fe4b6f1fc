"""What was agreed to stays as it was: a combination's terms and parts are never changed, only its figures come later."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION combinations_keep_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'figures' <> to_jsonb(OLD) - 'figures' THEN
        RAISE EXCEPTION '%: the terms of a combination are never changed or deleted', TG_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER combinations_combination_keeps_its_terms BEFORE UPDATE OR DELETE ON combinations_combination
    FOR EACH ROW EXECUTE FUNCTION combinations_keep_terms();
CREATE TRIGGER combinations_part_is_immutable BEFORE UPDATE OR DELETE ON combinations_combinationpart
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
"""

UNDO_GUARDS = """
DROP TRIGGER combinations_part_is_immutable ON combinations_combinationpart;
DROP TRIGGER combinations_combination_keeps_its_terms ON combinations_combination;
DROP FUNCTION combinations_keep_terms();
"""


class Migration(migrations.Migration):
    dependencies = [("combinations", "0001_combinations"), ("catalog", "0005_combinations")]

    operations = [migrations.RunSQL(GUARDS, UNDO_GUARDS)]
