-- Each change of a plug-in's price, or of what it offers, is noted until what was combined from it is priced anew.
CREATE OR REPLACE FUNCTION catalog_note_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_pricechange (plugin_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER catalog_plugin_notes_price_changes AFTER UPDATE OF price_micros, current_version_id ON catalog_plugin
    FOR EACH ROW
    WHEN (OLD.price_micros <> NEW.price_micros OR OLD.current_version_id IS DISTINCT FROM NEW.current_version_id)
    EXECUTE FUNCTION catalog_note_price_change();
