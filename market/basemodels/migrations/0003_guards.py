"""What a check found, and the pictures it drew, stay as they were."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION basemodels_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER basemodels_basecheck_is_immutable BEFORE UPDATE OR DELETE ON basemodels_basecheck
    FOR EACH ROW EXECUTE FUNCTION basemodels_refuse_change();
CREATE TRIGGER basemodels_basesample_is_immutable BEFORE UPDATE OR DELETE ON basemodels_basesample
    FOR EACH ROW EXECUTE FUNCTION basemodels_refuse_change();
"""

UNDO_IMMUTABLE = """
DROP TRIGGER basemodels_basesample_is_immutable ON basemodels_basesample;
DROP TRIGGER basemodels_basecheck_is_immutable ON basemodels_basecheck;
DROP FUNCTION basemodels_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("basemodels", "0002_owners_bases")]

    operations = [migrations.RunSQL(IMMUTABLE, UNDO_IMMUTABLE)]
