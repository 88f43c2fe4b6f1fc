"""Each change of a plug-in's price, or of what it offers, is noted until what was combined from it is priced anew."""

from django.db import migrations

NOTED = """
CREATE FUNCTION catalog_note_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_pricechange (plugin_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_plugin_notes_price_changes AFTER UPDATE OF price_micros, current_version_id ON catalog_plugin
    FOR EACH ROW
    WHEN (OLD.price_micros <> NEW.price_micros OR OLD.current_version_id IS DISTINCT FROM NEW.current_version_id)
    EXECUTE FUNCTION catalog_note_price_change();
INSERT INTO catalog_pricechange (plugin_id)
SELECT DISTINCT plugin_id FROM catalog_pluginversion WHERE parts_count > 0;
"""

UNDO = """
DROP TRIGGER catalog_plugin_notes_price_changes ON catalog_plugin;
DROP FUNCTION catalog_note_price_change();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_combined_prices")]

    operations = [migrations.RunSQL(NOTED, UNDO)]
