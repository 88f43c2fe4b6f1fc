"""What the tables promise and Django's constraints cannot say: ownership across tables, immutability, search."""

from django.db import migrations

OWNERSHIP = """
ALTER TABLE catalog_work
    ADD CONSTRAINT catalog_work_artist_is_the_concepts
    FOREIGN KEY (concept_id, artist_id) REFERENCES catalog_concept (id, artist_id);
ALTER TABLE catalog_plugin
    ADD CONSTRAINT catalog_plugin_owner_is_the_concepts_artist
    FOREIGN KEY (concept_id, owner_id) REFERENCES catalog_concept (id, artist_id);
ALTER TABLE catalog_pluginversion
    ADD CONSTRAINT catalog_pluginversion_id_and_plugin UNIQUE (id, plugin_id);
ALTER TABLE catalog_plugin
    ADD CONSTRAINT catalog_plugin_current_version_is_its_own
    FOREIGN KEY (current_version_id, id) REFERENCES catalog_pluginversion (id, plugin_id)
    DEFERRABLE INITIALLY DEFERRED;
"""

UNDO_OWNERSHIP = """
ALTER TABLE catalog_plugin DROP CONSTRAINT catalog_plugin_current_version_is_its_own;
ALTER TABLE catalog_pluginversion DROP CONSTRAINT catalog_pluginversion_id_and_plugin;
ALTER TABLE catalog_plugin DROP CONSTRAINT catalog_plugin_owner_is_the_concepts_artist;
ALTER TABLE catalog_work DROP CONSTRAINT catalog_work_artist_is_the_concepts;
"""

IMMUTABLE = """
CREATE FUNCTION catalog_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER catalog_pluginversion_is_immutable BEFORE UPDATE OR DELETE ON catalog_pluginversion
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
CREATE TRIGGER catalog_pluginsample_is_immutable BEFORE UPDATE OR DELETE ON catalog_pluginsample
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
CREATE TRIGGER catalog_rightsaffirmation_is_immutable BEFORE UPDATE OR DELETE ON catalog_rightsaffirmation
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
"""

UNDO_IMMUTABLE = """
DROP TRIGGER catalog_rightsaffirmation_is_immutable ON catalog_rightsaffirmation;
DROP TRIGGER catalog_pluginsample_is_immutable ON catalog_pluginsample;
DROP TRIGGER catalog_pluginversion_is_immutable ON catalog_pluginversion;
DROP FUNCTION catalog_refuse_change();
"""

# Names are kept both whole ("simple") and as English words, so that "Foxes" is found by "fox" and a made-up name by
# itself.
SEARCH = """
CREATE FUNCTION catalog_concept_search_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_document :=
        setweight(to_tsvector('simple', NEW.name), 'A') ||
        setweight(to_tsvector('english', NEW.name), 'A') ||
        setweight(to_tsvector('simple', array_to_string(NEW.aliases, ' ')), 'B') ||
        setweight(to_tsvector('english', array_to_string(NEW.aliases, ' ')), 'B') ||
        setweight(to_tsvector('english', NEW.kind || ' ' || NEW.description), 'C');
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_concept_keeps_its_search_document BEFORE INSERT OR UPDATE ON catalog_concept
    FOR EACH ROW EXECUTE FUNCTION catalog_concept_search_document();
"""

UNDO_SEARCH = """
DROP TRIGGER catalog_concept_keeps_its_search_document ON catalog_concept;
DROP FUNCTION catalog_concept_search_document();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_catalogue")]

    operations = [
        migrations.RunSQL(OWNERSHIP, UNDO_OWNERSHIP),
        migrations.RunSQL(IMMUTABLE, UNDO_IMMUTABLE),
        migrations.RunSQL(SEARCH, UNDO_SEARCH),
    ]
