"""The record of accepted terms is append-only in the database, too."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER accounts_roleacceptance_is_immutable BEFORE UPDATE OR DELETE ON accounts_roleacceptance
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
"""

UNDO = """
DROP TRIGGER accounts_roleacceptance_is_immutable ON accounts_roleacceptance;
DROP FUNCTION accounts_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_people")]

    operations = [migrations.RunSQL(IMMUTABLE, UNDO)]
