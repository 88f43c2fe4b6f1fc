"""A release of an uploaded base stays with its upload."""

from django.db import migrations

FILL = """
UPDATE basemodels_baserelease release SET upload_id = base.upload_id
  FROM basemodels_basemodel base
 WHERE base.id = release.base_id AND base.upload_id IS NOT NULL AND release.fingerprint = base.fingerprint;
"""

GUARD = """
CREATE FUNCTION basemodels_keep_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.upload_id IS NOT NULL
       AND (OLD.upload_id, OLD.fingerprint, OLD.base_id) IS DISTINCT FROM (NEW.upload_id, NEW.fingerprint, NEW.base_id) THEN
        RAISE EXCEPTION 'release % stays with the upload that it was made of', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER basemodels_baserelease_stays_with_its_upload BEFORE UPDATE ON basemodels_baserelease
    FOR EACH ROW EXECUTE FUNCTION basemodels_keep_release();
"""

UNDO_GUARD = """
DROP TRIGGER basemodels_baserelease_stays_with_its_upload ON basemodels_baserelease;
DROP FUNCTION basemodels_keep_release();
"""


class Migration(migrations.Migration):
    dependencies = [("basemodels", "0004_other_uploads")]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        # What was filled in has its keys checked before the table is changed again.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RunSQL(GUARD, UNDO_GUARD),
    ]
